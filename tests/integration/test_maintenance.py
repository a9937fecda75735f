"""What service tasks do: deleting, reindexing and reanalysing samples (contract sections 4 and 11)."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import undefer

from orchestrator.domain.clock import now
from orchestrator.domain.messages import JobTaskMessage
from orchestrator.domain.vocabulary import Role
from orchestrator.services import maintenance
from orchestrator.services.operations import deletion, reanalysis, reindexing
from orchestrator.store.tables import (
    Analysis,
    Base,
    Job,
    JobTask,
    JobTaskEvent,
    RegisteredWorker,
    SampleRow,
    StaticFact,
    Submission,
    Verdict,
)
from tests.integration.api import Api
from tests.integration.test_policy import put, register
from tests.integration.test_servicetasks import ADMIN, ask, carry_out, read, work

AGENT = {"name": "tests", "version": "1"}
#: What stays of a deleted sample, and what never belonged to one.
KEPT = {
    "audit_entry",
    "sample",
    "customer",
    "subject",
    "api_key",
    "service_task",
    "policy",
    "analysis_worker",
}


def analyse(api: Api, sha256: str, evidence: bytes = b"evidence", **fields: Any) -> str:
    """An analysis with a piece of evidence; its id."""
    body = {"analysisResult": {"a": "needle"}, "analysisScore": 50, "customer": "default", "tlp": "amber"}
    answer = api.post(f"/sample/{sha256}/analysis", {**body, "userAgent": AGENT, **fields})
    assert answer.status_code == 200, answer.text
    key: str = answer.json()["data"]["analysisID"]
    assert (
        api.call("POST", f"/sample/{sha256}/analysis/{key}/evidence/e", content=evidence).status_code == 201
    )
    return key


def furnish(api: Api, content: bytes) -> dict[str, Any]:
    """A sample with one of everything; its submission."""
    user = "default-viewer"
    submission = api.submit(content, acl=[user], metaData={"k": "v"})
    sha256 = submission["sampleSha256"]
    job = api.job_of(submission)
    key = analyse(api, sha256, acl=[user])
    [task] = [each for each in api.get(f"/job/{job['id']}/tasks").json()["data"] if each["worker"] == "one"]
    done = api.put(f"/job/{job['id']}/task/{task['id']}", {"state": "success", "analyses": [key]})
    assert done.status_code == 200, done.text
    for path, body in (
        ("link", {"reference": sha256, "type": "child", "tlp": "amber", "userAgent": AGENT, "acl": [user]}),
        ("fact", {"key": "k", "value": "v", "userAgent": AGENT}),
        ("verdict", {"comment": "c", "statusOverride": "malicious"}),
    ):
        answer = api.post(f"/sample/{sha256}/{path}", body)
        assert answer.status_code in (200, 201), answer.text
    return submission


def delete(api: Api, sha256: str) -> dict[str, Any]:
    """Delete a sample, and carry that out; the service task."""
    answer = api.delete(f"/sample/{sha256}", role=ADMIN)
    assert answer.status_code == 200, answer.text
    work(api)
    body = {"correlationID": answer.json()["data"]["correlationID"]}
    [task] = api.post("/servicetask/search", body, role=ADMIN).json()["data"]
    result: dict[str, Any] = task
    return result


def counts(api: Api) -> dict[str, int]:
    """Rows of each table that has any."""
    with api.begin(write=False) as uow:
        found = {
            name: uow.session.scalar(select(func.count()).select_from(table)) or 0
            for name, table in Base.metadata.tables.items()
        }
    return {name: count for name, count in found.items() if count}


def test_a_deleted_sample_leaves_its_minimal_record_alone(api: Api) -> None:
    register(api, "one", "two")
    put(api, workers=["one", "two"])
    before = counts(api)
    submission = furnish(api, b"gone")
    sha256 = submission["sampleSha256"]
    task = delete(api, sha256)
    assert task["state"] == "done", task
    assert task["operation"] == "deleteSample"
    assert task["responseContext"]["submissions"] == task["responseContext"]["analyses"] == "1"
    after = counts(api)
    assert set(after) - KEPT == set(before) - KEPT
    assert after["sample"] == 1
    meta = api.get(f"/sample/{sha256}", role=ADMIN).json()["data"]
    assert meta["flags"] == ["deleted"]
    assert meta["deletedTimestamp"] > 0
    assert not {"latestVerdict", "lastSubmittedTimestamp", "firstObservedTimestamp"} & meta.keys()
    assert api.get(f"/sample/{sha256}/raw", role=ADMIN).status_code == 404
    for content in (b"gone", b"evidence"):
        assert not api.application.blobs.exists(hashlib.sha256(content).hexdigest())
    assert api.delete(f"/sample/{sha256}", role=ADMIN).status_code == 404


def test_what_belongs_to_others_stays(api: Api) -> None:
    """Another sample with all its parts; evidence that another analysis, or another sample, has as well."""
    register(api, "one")
    put(api, workers=["one"])
    stays = furnish(api, b"stays")
    before = counts(api)
    gone = furnish(api, b"gone")
    analyse(api, gone["sampleSha256"], b"stays")
    delete(api, gone["sampleSha256"])
    after = counts(api)
    assert {name: after[name] for name in before if name not in KEPT} == {
        name: before[name] for name in before if name not in KEPT
    }
    for content in (b"stays", b"evidence"):
        assert api.application.blobs.exists(hashlib.sha256(content).hexdigest())
    assert api.get(f"/sample/{stays['sampleSha256']}").json()["data"]["flags"] == []


def test_open_job_tasks_are_called_off_before_their_rows_go(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever executes one learns that it is cancelled, also where there are more than one step takes."""
    monkeypatch.setattr(deletion, "_BATCH", 2)
    monkeypatch.setattr(maintenance, "SLICE", 0.0)
    names = ["one", "two", "three"]
    register(api, *names)
    put(api, workers=names)
    submission = api.submit()
    job = api.job_of(submission)
    answer = api.delete(f"/sample/{submission['sampleSha256']}", role=ADMIN)
    [message] = [each for each in api.dispatched if not isinstance(each, JobTaskMessage)]
    carry_out(api, message.id)
    states = [each["state"] for each in api.get(f"/job/{job['id']}/tasks").json()["data"]]
    assert sorted(states) == ["cancelled", "cancelled", "enqueued"]
    assert api.get(f"/sample/{submission['sampleSha256']}").json()["data"]["flags"] == []
    work(api)
    assert answer.status_code == 200
    assert api.get(f"/job/{job['id']}", role=ADMIN).status_code == 404
    with api.begin(write=False) as uow:
        for table in (JobTask, JobTaskEvent, Job):
            assert uow.session.scalar(select(func.count()).select_from(table)) == 0


def test_a_deleted_sample_comes_back_as_a_new_one(api: Api) -> None:
    register(api, "one")
    put(api, workers=["one"])
    sha256 = furnish(api, b"phoenix")["sampleSha256"]
    delete(api, sha256)
    again = api.upload(b"phoenix")
    assert again["exists"] is False
    submission = api.submit(b"phoenix")
    assert api.get(f"/sample/{sha256}").json()["data"]["flags"] == []
    assert api.get(f"/sample/{sha256}/raw").content == b"phoenix"
    assert api.get(f"/sample/{sha256}/submission").json()["count"] == 1
    assert api.job_of(submission)["state"] == "enqueued"


def test_a_sample_that_comes_back_in_between_keeps_its_bytes(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance, "SLICE", 0.0)
    sha256 = api.submit(b"quick")["sampleSha256"]
    answer = api.delete(f"/sample/{sha256}", role=ADMIN)
    [message] = [each for each in api.dispatched if not isinstance(each, JobTaskMessage)]
    carry_out(api, message.id)
    assert api.get(f"/sample/{sha256}", role=ADMIN).json()["data"]["flags"] == ["deleted"]
    api.submit(b"quick")
    work(api)
    assert answer.status_code == 200
    assert api.get(f"/sample/{sha256}/raw").content == b"quick"


def test_deleting_twice_at_once_deletes_once(api: Api) -> None:
    sha256 = api.submit()["sampleSha256"]
    for _ in range(2):
        assert api.delete(f"/sample/{sha256}", role=ADMIN).status_code == 200
    work(api)
    found = api.post("/servicetask/search", {"operation": "deleteSample"}, role=ADMIN).json()["data"]
    assert [each["state"] for each in found] == ["done", "done"]
    assert sum("submissions" in each["responseContext"] for each in found) == 1


def spoil(api: Api, submission: dict[str, Any]) -> None:
    """Make everything that is derived of a sample wrong."""
    sha256 = submission["sampleSha256"]
    with api.begin() as uow:
        for table in (Analysis, StaticFact, Verdict, SampleRow, Submission):
            key = table.sha256 if table is SampleRow else table.sample_sha256
            uow.session.execute(update(table).where(key == sha256).values(search="wrong"))
        uow.session.execute(
            update(SampleRow)
            .where(SampleRow.sha256 == sha256)
            .values(
                latest_verdict_id=None,
                latest_classification_id=UUID(int=1),
                last_analysis_at=None,
                first_submitted_at=now() + timedelta(days=1),
                last_observed_at=None,
            )
        )
        uow.commit()


def state_of(api: Api, submission: dict[str, Any]) -> list[Any]:
    """Everything that is derived of a sample."""
    with api.begin(write=False) as uow:
        texts = [
            uow.session.scalars(select(table.search).order_by(table.search)).all()
            for table in (Analysis, StaticFact, Verdict, SampleRow, Submission)
        ]
        row = uow.session.get_one(SampleRow, submission["sampleSha256"], options=[undefer("*")])
        names = [column.name for column in SampleRow.__table__.columns]
        return [texts, {name: getattr(row, name) for name in names}]


@pytest.mark.parametrize("resource", ["sample", "submission"])
def test_reindexing_restores_what_is_derived(api: Api, resource: str) -> None:
    register(api, "one")
    put(api, workers=["one"])
    submission = furnish(api, b"first")
    before = state_of(api, submission)
    assert "needle" in before[0][0][0]
    spoil(api, submission)
    spoilt = state_of(api, submission)
    task = ask(api, body={"dataCenter": "all", "resource": resource})
    work(api)
    assert read(api, task)["responseContext"] == {"done": "1", "total": "1"}
    after = state_of(api, submission)
    if resource == "sample":
        assert after[0][:4] == before[0][:4]
        assert after[0][4] == spoilt[0][4]
        assert after[1] == before[1]
    else:
        assert after[0][4] == before[0][4]
        assert after[0][:4] == spoilt[0][:4]


@pytest.mark.parametrize("newest_first", [True, False])
def test_reindexing_goes_on_where_it_stood(
    api: Api, monkeypatch: pytest.MonkeyPatch, *, newest_first: bool
) -> None:
    """In either direction, in batches, each row once, over the given time alone."""
    monkeypatch.setattr(reindexing, "_SAMPLES", 2)
    monkeypatch.setattr(maintenance, "SLICE", 0.0)
    hashes = [api.submit(bytes([number]))["sampleSha256"] for number in range(6)]
    with api.begin() as uow:
        uow.session.execute(update(SampleRow).values(search="wrong", created_at=now() - timedelta(days=3)))
        old = now() - timedelta(days=30)
        uow.session.execute(update(SampleRow).where(SampleRow.sha256 == hashes[0]).values(created_at=old))
        uow.commit()
    body = {"dataCenter": "all", "resource": "sample", "startTimestamp": "now - 1 week"}
    task = ask(api, body={**body, "endTimestamp": "now", "reversed": newest_first})
    said = []
    for _ in range(4):
        carry_out(api, task["id"])
        said.append(read(api, task)["responseMessages"][-1]["message"])
    assert said == ["2 of 5 samples", "4 of 5 samples", "5 of 5 samples", "5 samples done"]
    assert read(api, task)["state"] == "done"
    with api.begin(write=False) as uow:
        wrong = uow.session.scalars(select(SampleRow.sha256).where(SampleRow.search == "wrong")).all()
    assert wrong == [hashes[0]]


def celery_worker(api: Api, *names: str) -> None:
    register(api, *names)
    with api.begin() as uow:
        served = update(RegisteredWorker).where(RegisteredWorker.short_name.in_(names))
        uow.session.execute(served.values(celery=True))
        uow.commit()


def jobs_of(api: Api, sha256: str) -> list[Job]:
    with api.begin(write=False) as uow:
        return list(uow.session.scalars(select(Job).where(Job.sample_sha256 == sha256).order_by(Job.id)))


def test_reanalysing_makes_bulk_jobs_as_the_latest_submission_would(api: Api) -> None:
    celery_worker(api, "one", "two")
    put(api, workers=["one"])
    other = api.key(Role.user, "other")
    first = api.submit(b"a")
    api.submit(b"a", key=other, metaData={"k": "latest"})
    second = api.submit(b"b")
    api.upload(b"nobody submitted this")
    api.dispatched.clear()
    task = ask(api, "/servicetask/reanalyse", {})
    work(api)
    assert read(api, task)["responseContext"] == {"done": "3", "total": "3"}
    for submission, count in ((first, 3), (second, 2)):
        jobs = jobs_of(api, submission["sampleSha256"])
        assert len(jobs) == count
        assert jobs[-1].priority == 0
        assert jobs[-1].customer_id == jobs[-2].customer_id
        assert jobs[-1].submission_id == jobs[-2].submission_id
    assert [(each.worker, each.priority) for each in api.dispatched] == [("one", 0), ("one", 0)]


def test_reanalysing_may_name_samples_and_workers(api: Api) -> None:
    celery_worker(api, "one", "two")
    put(api, workers=["one"])
    chosen, other = api.submit(b"a"), api.submit(b"b")
    api.dispatched.clear()
    body = {"sha256": chosen["sampleSha256"].upper(), "workers": "two"}
    ask(api, "/servicetask/reanalyse", body)
    work(api)
    assert [each.worker for each in api.dispatched] == ["two"]
    assert len(jobs_of(api, chosen["sampleSha256"])) == 2
    assert len(jobs_of(api, other["sampleSha256"])) == 1


def test_reanalysing_rests_while_enough_is_open_and_makes_no_job_twice(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes on when the sweep comes by and there is room."""
    monkeypatch.setattr(reanalysis, "_SAMPLES", 1)
    monkeypatch.setattr(reanalysis, "MAX_OPEN", 2)
    celery_worker(api, "one")
    put(api, workers=["one"])
    hashes = [api.submit(bytes([number]))["sampleSha256"] for number in range(3)]
    api.dispatched.clear()
    task = ask(api, "/servicetask/reanalyse", {})
    work(api)
    assert read(api, task)["state"] == "running"
    assert len(api.dispatched) == 2
    carry_out(api, task["id"])
    assert len(api.dispatched) == 2, "nothing was done meanwhile"
    job = next(job for sha256 in hashes for job in jobs_of(api, sha256) if job.priority == 0)
    assert api.delete(f"/job/{job.id}").status_code == 200
    carry_out(api, task["id"])
    carry_out(api, task["id"])
    assert sorted(len(jobs_of(api, sha256)) for sha256 in hashes) == [2, 2, 2]
