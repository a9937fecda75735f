"""What Prometheus scrapes, as its own parser reads it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import event
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import PlainTextResponse

from orchestrator.domain.clock import now
from orchestrator.domain.vocabulary import JobTaskState
from orchestrator.errors import Unavailable
from orchestrator.services import executing
from orchestrator.services.metrics import Metrics
from orchestrator.store import metrics as store
from orchestrator.store.tables import JobTask, WorkerProcess
from orchestrator.store.unit_of_work import UnitOfWork
from tests.integration.api import Api

Samples = dict[tuple[str, ...], float]


def scraped(text: str) -> Samples:
    """Each sample by its name and its labels' values, in the order of the labels' names."""
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def scrape(api: Api) -> Samples:
    answer = api.client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return scraped(answer.text)


def enqueue(api: Api, *workers: str) -> list[UUID]:
    """A job with a job task for each of the workers."""
    job = f"/job/{api.job_of(api.submit())['id']}"
    return [UUID(api.post(f"{job}/task", {"worker": name}).json()["data"]["id"]) for name in workers]


def change(api: Api, job_task: UUID, **values: object) -> None:
    with api.begin() as uow:
        row = uow.session.get(JobTask, job_task)
        for name, value in values.items():
            setattr(row, name, value)
        uow.commit()


def test_open_job_tasks_are_counted_by_worker_and_state(api: Api) -> None:
    waiting, running, done = enqueue(api, "peel", "pip", "core")
    change(api, waiting, enqueued_at=now() - timedelta(hours=1), celery=True, published_at=None)
    change(api, running, state=JobTaskState.executing)
    change(api, done, state=JobTaskState.success)
    found = scrape(api)
    assert found["assay_database_up",] == 1
    assert found["assay_job_tasks", "enqueued", "peel"] == 1
    assert found["assay_job_tasks", "executing", "peel"] == 0
    assert found["assay_job_tasks", "executing", "pip"] == 1
    assert ("assay_job_tasks", "enqueued", "core") not in found
    assert 3600 <= found["assay_oldest_enqueued_job_task_age_seconds", "peel"] < 7200
    assert found["assay_oldest_enqueued_job_task_age_seconds", "pip"] == 0


def test_what_is_not_sent_and_due_counts_as_unpublished(api: Api) -> None:
    at = now()
    rows = enqueue(api, "a", "b", "c", "d")
    for row in rows:
        change(api, row, celery=True, published_at=None, due_at=at - timedelta(seconds=1))
    change(api, rows[0], published_at=at)
    change(api, rows[1], due_at=at + timedelta(hours=1))
    change(api, rows[2], celery=False)
    assert scrape(api)["assay_unpublished_job_tasks",] == 1


def finish(api: Api, job_task: UUID, state: str) -> None:
    with api.begin(write=False) as uow:
        row = uow.session.get_one(JobTask, job_task)
    for target in ("executing", state):
        answer = api.put(f"/job/{row.job_id}/task/{job_task}", {"state": target})
        assert answer.status_code == 200, answer.text


def test_times_are_those_of_the_history_since_the_first_scrape(api: Api) -> None:
    before, good, bad = enqueue(api, "peel", "pip", "core")
    api.client.app.state.metrics = Metrics(api.begin, 15, memory=0)  # type: ignore[attr-defined]
    finish(api, before, "success")
    scrape(api)
    finish(api, good, "success")
    finish(api, bad, "failed")
    for _ in range(2):
        found = scrape(api)
        assert found["assay_job_task_waiting_seconds_count", "pip"] == 1
        assert found["assay_job_task_executing_seconds_count", "success", "pip"] == 1
        assert found["assay_job_task_executing_seconds_count", "failed", "core"] == 1
        assert ("assay_job_task_waiting_seconds_count", "peel") not in found


def test_webhooks_are_counted(api: Api) -> None:
    made = [api.post("/webhook", {"url": "https://example.org/"}).json()["data"]["id"] for _ in range(3)]
    api.put(f"/webhook/{made[0]}", {"active": False})
    api.post(f"/webhook/{made[1]}/ping")
    found = scrape(api)
    assert found["assay_pending_webhook_deliveries",] == 1
    assert [found["assay_webhooks", state] for state in ("on", "failing", "off")] == [2, 0, 1]


def test_live_worker_processes_and_set_aside_messages_are_counted(api: Api) -> None:
    at = now()
    with api.begin() as uow:
        for seen, stopped in ((at, None), (at, None), (at, at), (at - timedelta(hours=1), None)):
            row = WorkerProcess(host="h", pid=1, version="1", workers={"pip": "1"}, started_at=at)
            row.seen_at, row.stopped_at = seen, stopped
            uow.session.add(row)
        uow.commit()
    for _ in range(3):
        with api.begin() as uow:
            key = executing.keep_message(uow, queue="q", reason="r", body=b"\xff")
    with api.begin() as uow:
        executing.replayed(uow, key, at)
    found = scrape(api)
    assert found["assay_worker_processes",] == 2
    assert found["assay_serving_processes", "pip"] == 2
    assert found["assay_job_tasks", "enqueued", "pip"] == 0
    assert found["assay_set_aside_messages",] == 2


def test_requests_are_counted_by_method_and_class_of_status(api: Api) -> None:
    before = scrape(api)
    for _ in range(2):
        api.get("/job")
    api.get("/nothing")
    api.client.request("BREW", "/x")
    found = scrape(api)

    def more(*sample: str) -> float:
        return found[sample] - before.get(sample, 0)

    # the first scrape was counted after it was made
    assert more("assay_http_requests_total", "GET", "2xx") == 3
    assert more("assay_http_requests_total", "GET", "4xx") == 1
    assert more("assay_http_requests_total", "other", "4xx") == 1
    assert more("assay_http_request_duration_seconds_count", "GET") == 4


def test_an_answer_that_breaks_counts_as_a_500(tmp_path: Path) -> None:
    api = Api(tmp_path)
    try:

        async def broken(_request: Request) -> PlainTextResponse:
            raise RuntimeError("broken")

        api.client.app.add_route("/broken", broken)  # type: ignore[attr-defined]
        assert api.client.get("/broken").status_code == 500
        assert scrape(api)["assay_http_requests_total", "GET", "5xx"] == 1
    finally:
        api.close()


def test_a_store_that_is_away_is_told_and_the_requests_with_it() -> None:
    def begin(*, write: bool) -> UnitOfWork:
        raise Unavailable(f"away, write={write}")

    metrics = Metrics(begin, worker_lease=15)
    metrics.request("GET", 503, 0.5)
    found = scraped(metrics.exposition("")[0].decode())
    assert found["assay_database_up",] == 0
    assert found["assay_http_requests_total", "GET", "5xx"] == 1
    assert not any(name.startswith("assay_job_tasks") for name, *_ in found)


def test_metrics_can_be_switched_off(tmp_path: Path) -> None:
    api = Api(tmp_path, metrics_enabled=False)
    try:
        assert api.client.get("/metrics").status_code == 404
        assert "/metrics" not in api.client.get("/openapi.json").json()["paths"]
    finally:
        api.close()


@contextmanager
def statements(uow: UnitOfWork) -> Iterator[list[tuple[str, Any]]]:
    sent: list[tuple[str, Any]] = []

    def note(_c: object, _cursor: object, statement: str, parameters: Any, *_rest: object) -> None:
        sent.append((statement, parameters))

    engine = uow.session.get_bind()
    event.listen(engine, "before_cursor_execute", note)
    yield sent
    event.remove(engine, "before_cursor_execute", note)


@pytest.mark.parametrize("count", [store.open_job_tasks, lambda session: store.unpublished(session, now())])
def test_finished_work_costs_a_scrape_nothing(tmp_path: Path, count: Callable[[Session], object]) -> None:
    """SQLite reads the open rows alone, through an index that holds no others."""
    partial = {
        index.name
        for index in JobTask.__table__.indexes
        if index.dialect_options["sqlite"]["where"] is not None
    }
    api = Api(tmp_path)
    try:
        with api.begin(write=False) as uow:
            with statements(uow) as sent:
                count(uow.session)
            statement, parameters = sent[-1]
            connection = uow.session.connection()
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            assert set(re.findall(r"ix_\w+", " ".join(row[3] for row in rows))) & partial
    finally:
        api.close()
