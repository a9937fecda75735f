"""Worker processes and brokers that die in the middle of work, and messages that nobody can read."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from kombu import Connection

from orchestrator.broker.app import connection
from orchestrator.domain.vocabulary import JobTaskState
from orchestrator.services import executing
from orchestrator.store.tables import SetAside
from tests.conftest import missing
from tests.integration.api import TestDatabase
from tests.integration.backends import OwnServer, broker, eventually, get_binary_path
from tests.integration.house import House, end, tree

PLACES = [("valkey", "sqlite"), ("redis", "postgresql"), ("rabbitmq", "postgresql")]


@pytest.fixture(params=PLACES, ids="-".join)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """A house that a test may tear down: no process runs in it yet."""
    kind, database = request.param
    with broker(kind, missing) as broker_url:
        own = TestDatabase() if database == "postgresql" else None
        made = House(tmp_path, own.url if own else "", broker_url)
        try:
            yield made
        finally:
            made.close()
            if own:
                own.drop()


def test_a_worker_process_is_killed(place: House) -> None:
    """What it was executing runs again elsewhere, what it had received as well; nothing is doubled."""
    doomed = place.worker(["behave"])
    running = place.plant("sleep 2", "behave")
    place.until(running, JobTaskState.executing)
    received = [place.plant(f"received {number}", "behave") for number in range(5)]
    end(doomed, signal.SIGKILL)
    place.sweep()
    place.worker(["behave"])
    row = place.until(running, JobTaskState.success)
    assert row.attempt == 2
    lost = [each for each in place.history(row.id) if each.cause == "lost"]
    assert [(each.attempt, each.target) for each in lost] == [(1, JobTaskState.enqueued)]
    for job_id in received:
        each = place.until(job_id, JobTaskState.success)
        assert len(place.analyses(job_id)) == 1
        assert [event.target for event in place.history(each.id)].count(JobTaskState.success) == 1


def test_a_worker_process_is_told_to_end(place: House) -> None:
    """On SIGTERM it finishes what executes, records it, and leaves the rest to others."""
    first = place.worker(["behave"])
    running = place.plant("sleep 1.5", "behave")
    place.until(running, JobTaskState.executing)
    waiting = place.plant("after the sleep", "behave")
    end(first)
    assert first.returncode == 0
    row = place.job_task(running)
    assert (row.state, row.attempt) == (JobTaskState.success, 1)
    place.sweep()
    place.worker(["behave"])
    assert place.until(waiting, JobTaskState.success).attempt == 1


def test_told_to_end_while_it_starts(tmp_path: Path) -> None:
    """A worker process does not finish its imports first."""
    place = House(tmp_path, "", "memory://")
    try:
        process = place.worker(["dawdler"], ready=False)
        # the sandbox's server is importing
        eventually(lambda: tree(process.pid), "no sandbox", 240)
        process.terminate()
        assert process.wait(60) == -signal.SIGTERM
    finally:
        place.close()


def test_messages_that_nobody_can_read(place: House) -> None:
    """They are set aside with a reason, and the worker process goes on."""
    process = place.worker(["behave"])
    place.until(place.plant("the queue exists", "behave"), JobTaskState.success)
    unreadable = {
        "not JSON": (b"{", "application/json", {"task": "assay.analyse", "id": str(uuid4())}),
        "wrong shape": (b"[1]", "application/json", {"task": "assay.analyse", "id": str(uuid4())}),
        "a number": (b"7", "application/json", {"task": "assay.analyse", "id": str(uuid4())}),
        "no id": (b"[[], {}, {}]", "application/json", {"task": "assay.analyse"}),
        "id is no UUID": (
            json.dumps([["behave", 1], {}, {}]).encode(),
            "application/json",
            {"task": "assay.analyse", "id": "seven"},
        ),
        "arguments": (
            json.dumps([["behave", "one"], {}, {}]).encode(),
            "application/json",
            {"task": "assay.analyse", "id": str(uuid4())},
        ),
        "unknown task": (b"[[], {}, {}]", "application/json", {"task": "elsewhere", "id": str(uuid4())}),
        "no task": (b"[[], {}, {}]", "application/json", {"other": "header"}),
        "pickle": (b"\x80\x04.", "application/x-python-serialize", {"task": "assay.analyse", "id": "x"}),
    }
    with connection(place.settings) as opened:
        for body, content_type, headers in unreadable.values():
            _publish(opened, body, content_type, headers)
    rows = eventually(lambda: _set_aside(place, len(unreadable)), place.logs[0].read_text())
    assert all(row.reason for row in rows)
    assert {row.queue for row in rows} == {"analysis.behave"}
    place.until(place.plant("after all that", "behave"), JobTaskState.success)
    assert process.poll() is None


@pytest.mark.parametrize("place", PLACES[:2], indirect=True, ids="-".join)
def test_a_list_item_that_no_kombu_wrote(place: House) -> None:
    """Raw bytes in a Redis list are set aside as well."""
    process = place.worker(["behave"])
    place.until(place.plant("the queue exists", "behave"), JobTaskState.success)
    items = [b"\xff\xfe", b"7", b"{}", b'{"properties": {}, "headers": {}}']
    with connection(place.settings) as opened:
        for item in items:
            opened.default_channel.client.lpush("analysis.behave", item)
    rows = eventually(lambda: _set_aside(place, len(items)))
    assert {bytes(row.body) for row in rows} == set(items)
    place.until(place.plant("after all that", "behave"), JobTaskState.success)
    assert process.poll() is None


def test_a_job_task_that_does_not_exist(place: House) -> None:
    """A message for it is acknowledged; nothing happens."""
    place.worker(["behave"])
    job_id = place.plant("real", "behave", dispatch=False)
    message = place.message(job_id)
    place.application.dispatch([type(message)(uuid4(), "behave"), message])
    place.until(job_id, JobTaskState.success)


@pytest.mark.parametrize("persistent", [True, False], ids=["append-only", "forgetful"])
def test_a_broker_is_killed(tmp_path: Path, persistent: bool) -> None:
    """Whether or not it remembers its messages, every job task ends once the broker is back."""
    server = OwnServer(str(get_binary_path()), persistent=persistent).start()
    place = House(tmp_path, "", server.url)
    try:
        jobs = [place.plant(f"before {number}", "behave") for number in range(10)]
        eventually(lambda: all(place.job_task(each).published_at for each in jobs))
        place.worker(["behave"])
        place.sweep()
        server.kill()
        jobs += [place.plant(f"meanwhile {number}", "behave") for number in range(5)]
        server.start()
        for job_id in jobs:
            row = place.until(job_id, JobTaskState.success)
            assert [event.target for event in place.history(row.id)].count(JobTaskState.success) == 1
    finally:
        place.close()
        server.close()


def _publish(opened: Connection, body: bytes, content_type: str, headers: dict[str, str]) -> None:
    opened.Producer(auto_declare=False).publish(
        body,
        routing_key="analysis.behave",
        headers=headers,
        content_type=content_type,
        content_encoding="utf-8" if content_type == "application/json" else "binary",
    )


def _set_aside(place: House, count: int) -> list[SetAside]:
    with place.begin(write=False) as uow:
        rows = list(executing.kept_messages(uow))
    return rows if len(rows) >= count else []
