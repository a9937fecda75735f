"""Creating many at once, over each database: submissions that share a transaction, and the outbox."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select, update

from orchestrator.domain.caller import Caller
from orchestrator.domain.clock import now
from orchestrator.domain.messages import JobTaskMessage
from orchestrator.domain.vocabulary import JobTaskState, Role
from orchestrator.errors import Invalid, NotFound
from orchestrator.services import access, executing, planning, policy, publishing, submitting
from orchestrator.services.submitting import Asked, NewSubmission, Submitted
from orchestrator.services.sweeping import sweep_once
from orchestrator.store.engine import make_engine
from orchestrator.store.tables import Challenge, Job, JobTask, JobTaskEvent, Outbox, SampleRow, Submission
from orchestrator.store.unit_of_work import UnitOfWork
from orchestrator.worker import AnalysisWorker, Findings
from tests.integration.api import Api
from tests.integration.ledger import SHA, Ledger

NAMES = ("alpha", "beta", "gamma")


def announce(api: Api | Ledger, *names: str) -> None:
    with api.begin() as uow:
        executing.announce(uow, [AnalysisWorker(name, "1", lambda _: Findings()) for name in names])


def caller_of(api: Api) -> Caller:
    with api.begin() as uow:
        return access.authenticate(uow, api.keys[Role.analyzer])


def asked(caller: Caller, uploaded: dict[str, Any], **fields: Any) -> Asked:
    token = uploaded["challenge"]
    new = {
        "challenge_id": UUID(token["id"]),
        "answer": token["sha256"],
        "file_name": "a.bin",
        "user_agent_name": "tests",
        "user_agent_version": "1",
        **fields,
    }
    return Asked(caller, uploaded["sample"]["id"], NewSubmission(**new))


def count(api: Api | Ledger, table: Any) -> int:
    with api.begin(write=False) as uow:
        return uow.session.scalar(select(func.count()).select_from(table)) or 0


def test_each_is_accepted_or_refused_by_itself(api: Api) -> None:
    """Bad ones leave nothing behind, keep their tokens, and spoil nothing of the others."""
    announce(api, *NAMES)
    caller = caller_of(api)
    first, second, third = (api.upload(f"content {number}".encode()) for number in range(3))
    batch = [
        asked(caller, first),
        asked(caller, second, answer="0" * 64),
        asked(caller, first, file_name="the same token again"),
        Asked(caller, "f" * 64, asked(caller, third).new),
        asked(caller, third, acl=["nobody"]),
        asked(caller, second, file_name='späte\\ "Müll" {NULL,}\n.exe', meta_data={"a": "b"}),
    ]
    with api.begin() as uow:
        added = submitting.add_all(uow, api.settings, batch)
        uow.commit()
    kinds = [type(each) for each in added.answers]
    assert kinds == [Submitted, Invalid, Invalid, NotFound, Invalid, Submitted]
    assert (count(api, Submission), count(api, Job), count(api, JobTask)) == (2, 2, 6)
    assert count(api, JobTaskEvent) == 6
    assert len(added.messages) == 6
    with api.begin(write=False) as uow:
        used = uow.session.scalars(select(Challenge.sample_sha256).where(Challenge.used_at.is_not(None)))
        assert sorted(used) == sorted(each["sample"]["id"] for each in (first, second))
        row = uow.session.scalars(select(Submission).where(Submission.meta_data != {})).one()
        assert (row.file_name, row.meta_data) == ('späte\\ "Müll" {NULL,}\n.exe', {"a": "b"})
        sample = uow.session.get_one(SampleRow, second["sample"]["id"])
        assert sample.first_submitted_at == sample.last_submitted_at == row.submitted_at


def test_a_submission_names_its_job(api: Api) -> None:
    announce(api, *NAMES)
    uploaded = api.upload(b"something")
    body = {
        "challengeToken": uploaded["challenge"],
        "fileName": "a.bin",
        "userAgent": {"name": "tests", "version": "1.0"},
    }
    answer = api.post(f"/sample/{uploaded['sample']['id']}/submission", body).json()
    job = api.get(f"/job/{answer['metaData']['job']}").json()["data"]
    assert job["analysedSample"]["id"] == uploaded["sample"]["id"]


def test_the_outbox_is_emptied_by_sending(api: Api) -> None:
    """What is sent as a whole leaves it; a part that the broker refused keeps it."""
    announce(api, *NAMES)
    api.submit()
    messages = [each for each in api.dispatched if isinstance(each, JobTaskMessage)]
    assert count(api, Outbox) == 1
    for unsent, left in ((messages[:1], 1), ([], 0)):
        with api.begin() as uow:
            publishing.published(uow, messages, now(), unsent)
            uow.commit()
        assert count(api, Outbox) == left


@pytest.fixture
def ledger(tmp_path: Path, database_url: str) -> Iterator[Ledger]:
    made = Ledger(tmp_path, database_url)
    announce(made, *NAMES)
    yield made
    made.close()


def plan(ledger: Ledger, number: int = 1, window: int = 0, **wish: Any) -> planning.Plans:
    with ledger.begin() as uow:
        uow.memory.window = window
        wanted = {"customer_id": ledger.customer_id, **wish}
        sample = uow.session.get_one(SampleRow, SHA)
        plans = planning.plan_all(uow, ledger.settings, [(sample, planning.Wish(**wanted))] * number)
        uow.commit()
    return plans


def test_what_a_crash_left_in_the_outbox(ledger: Ledger) -> None:
    """It is sent by the sweep: what still waits of it, once it is old enough."""
    plans = plan(ledger)
    gone, *waiting = plans.messages
    assert isinstance(gone, JobTaskMessage)
    sweep_once(ledger.begin, ledger.dispatch, ledger.settings)
    assert ledger.sent == []
    ledger.move(gone.id, JobTaskState.executing, attempt=1)
    with ledger.begin() as uow:
        uow.session.execute(update(Outbox).values(at=now() - timedelta(minutes=1)))
        uow.commit()
    report = sweep_once(ledger.begin, ledger.dispatch, ledger.settings)
    assert report.published == len(waiting)
    assert sorted(ledger.sent, key=str) == sorted(waiting, key=str)
    for each in waiting:
        assert isinstance(each, JobTaskMessage)
        ledger.move(each.id, JobTaskState.executing, attempt=1)
    ledger.sent.clear()
    sweep_once(ledger.begin, ledger.dispatch, ledger.settings)
    assert (ledger.sent, count(ledger, Outbox)) == ([], 0)


def test_a_change_of_the_policy_shows_at_once(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the process that made it; elsewhere when what is remembered there has aged."""
    engine = make_engine(ledger.settings.database)
    elsewhere = partial(UnitOfWork, engine)

    def selected(begin: Any) -> list[str]:
        with begin(write=False) as uow:
            found = policy.select(uow, customer_id=1, meta_data={}, type_="", super_type="")
            return [each.short_name for each in found.workers]

    monkeypatch.setattr(policy, "MEMORY", 3600.0)
    try:
        assert selected(ledger.begin) == selected(elsewhere) == list(NAMES)
        announce(ledger, "delta")
        assert "delta" in selected(ledger.begin)
        assert "delta" not in selected(elsewhere)
        monkeypatch.setattr(policy, "MEMORY", 0.0)
        with elsewhere() as uow:
            uow.memory.forget()
        assert "delta" in selected(elsewhere)
    finally:
        engine.dispose()


def test_nobody_serves_it(ledger: Ledger) -> None:
    """A job task that no live worker can take says so from the start, until there is one."""
    ledger.process("alpha")
    job_id = plan(ledger).jobs[0].id

    def messages() -> dict[str, str | None]:
        with ledger.begin(write=False) as uow:
            rows = uow.session.scalars(select(JobTask).where(JobTask.job_id == job_id))
            return {row.worker: row.message for row in rows}

    assert messages() == {
        "alpha": None,
        "beta": "no live worker serves beta",
        "gamma": "no live worker serves gamma",
    }
    ledger.process("beta")
    sweep_once(ledger.begin, ledger.dispatch, ledger.settings)
    assert (messages()["beta"], messages()["gamma"]) == (None, "no live worker serves gamma")


def test_the_api_flags_what_nobody_serves(api: Api) -> None:
    announce(api, "alpha")
    job = api.job_of(api.submit())
    (shown,) = api.get(f"/job/{job['id']}/tasks").json()["data"]
    assert (shown["flags"], shown["message"]) == (["unserved"], "no live worker serves alpha")


def test_a_disk_that_is_nearly_full(tmp_path: Path) -> None:
    """Uploads and submissions are refused before it is; what is stored stays readable."""
    roomy = Api(tmp_path)
    uploaded = roomy.upload(b"while there is room")
    roomy.close()
    full = Api(tmp_path, min_free_disk=2**62)
    try:
        answer = full.call("POST", "/sample", content=b"more")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
        assert "disk is nearly full" in answer.json()["messages"][0]["message"]
        body = {
            "challengeToken": uploaded["challenge"],
            "fileName": "a.bin",
            "userAgent": {"name": "tests", "version": "1.0"},
        }
        answer = full.post(f"/sample/{uploaded['sample']['id']}/submission", body)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
        assert full.get("/job").status_code == 200
    finally:
        full.close()
