"""Retention: what is old and has ended goes, in batches; what is open, young or not to be removed stays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import func, select, update

from orchestrator.domain.clock import now
from orchestrator.domain.ids import new_id
from orchestrator.domain.vocabulary import JobState, JobTaskState, ServiceTaskState
from orchestrator.services import audit, retention, servicetasks, sweeping
from orchestrator.services.sweeping import sweep_once
from orchestrator.settings import Settings
from orchestrator.store.blobs import open_blobs
from orchestrator.store.tables import (
    Analysis,
    AuditEntry,
    Base,
    Job,
    JobTask,
    JobTaskEvent,
    ServiceTask,
    Verdict,
    WebSession,
)
from tests.integration.api import Api
from tests.integration.ledger import Ledger

DAY = timedelta(days=1)


@pytest.fixture
def ledger(tmp_path: Path, database_url: str) -> Iterator[Ledger]:
    made = Ledger(tmp_path, database_url)
    yield made
    made.close()


def keeping(ledger: Ledger, **days: int) -> Settings:
    return ledger.settings.model_copy(update={f"keep_{name}_days": given for name, given in days.items()})


def ended(ledger: Ledger, age: timedelta) -> UUID:
    """A job that ended so long ago, with two job tasks and their history."""
    job, job_tasks = ledger.job("one", "two", age=age)
    for each in job_tasks:
        ledger.move(each, JobTaskState.executing)
        ledger.move(each, JobTaskState.success)
    at = now() - age
    with ledger.begin() as uow:
        uow.session.execute(update(Job).where(Job.id == job).values(end_at=at, state=JobState.done))
        mine = JobTaskEvent.job_task_id.in_(job_tasks)
        uow.session.execute(update(JobTaskEvent).where(mine).values(at=at))
        uow.commit()
    return job


def counted(ledger: Ledger, *tables: type[Base]) -> list[int]:
    with ledger.begin(write=False) as uow:
        return [uow.session.scalar(select(func.count()).select_from(table)) or 0 for table in tables]


def test_everything_is_kept_unless_the_settings_say_otherwise(ledger: Ledger) -> None:
    ended(ledger, 3000 * DAY)
    with ledger.begin() as uow:
        audit.note(uow, "old", "entry")
        uow.session.execute(update(AuditEntry).values(at=now() - 3000 * DAY))
        uow.commit()
    assert retention.prunable(ledger.begin, ledger.settings).total == 0
    assert retention.prune(ledger.begin, ledger.settings).total == 0


def test_old_jobs_go_with_their_job_tasks_and_history(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In batches, however many there are; one that is open stays, whatever its age."""
    monkeypatch.setattr(retention, "JOBS", 2)
    for _ in range(5):
        ended(ledger, 8 * DAY)
    young = ended(ledger, 6 * DAY)
    waiting, _ = ledger.job("one", age=9 * DAY)
    settings = keeping(ledger, jobs=7)
    assert asdict(retention.prunable(ledger.begin, settings))["jobs"] == 5
    assert retention.prune(ledger.begin, settings).jobs == 5
    with ledger.begin(write=False) as uow:
        assert set(uow.session.scalars(select(Job.id))) == {young, waiting}
        left = set(uow.session.scalars(select(JobTask.id)))
        assert len(left) == 3
        assert set(uow.session.scalars(select(JobTaskEvent.job_task_id))) <= left
    assert retention.prune(ledger.begin, settings).total == 0


def test_old_history_goes_and_its_job_stays(ledger: Ledger) -> None:
    """But for the history of what is still open."""
    ended(ledger, 8 * DAY)
    ended(ledger, 6 * DAY)
    _, (busy,) = ledger.job("one", age=9 * DAY)
    ledger.move(busy, JobTaskState.executing)
    with ledger.begin() as uow:
        old = update(JobTaskEvent).where(JobTaskEvent.job_task_id == busy)
        uow.session.execute(old.values(at=now() - 8 * DAY))
        uow.commit()
    jobs, job_tasks, events = counted(ledger, Job, JobTask, JobTaskEvent)
    removed = retention.prune(ledger.begin, keeping(ledger, history=7))
    assert removed.history == removed.total > 0
    assert counted(ledger, Job, JobTask, JobTaskEvent) == [jobs, job_tasks, events - removed.history]
    with ledger.begin(write=False) as uow:
        assert uow.session.scalar(select(func.count()).where(JobTaskEvent.job_task_id == busy))


def test_old_audit_entries_service_tasks_and_sessions_go(ledger: Ledger) -> None:
    with ledger.begin() as uow:
        for age in (8, 6):
            audit.note(uow, "made", str(age))
            row = servicetasks.start(uow, None, "reindex", {})
            row.created_at = row.finished_at = now() - age * DAY
            row.state = ServiceTaskState.done
            uow.session.execute(
                update(AuditEntry).where(AuditEntry.object == str(age)).values(at=now() - age * DAY)
            )
            session = WebSession(
                digest=f"{age}" * 64, key_digest="k", created_at=now(), expires_at=now() + (age - 7) * DAY
            )
            uow.session.add(session)
        waiting = servicetasks.start(uow, None, "reindex", {})
        waiting.created_at = now() - 8 * DAY
        uow.commit()
    removed = retention.prune(ledger.begin, keeping(ledger, audit=7, service_tasks=7))
    assert (removed.audit, removed.service_tasks, removed.sessions, removed.total) == (1, 1, 1, 3)
    assert counted(ledger, AuditEntry, ServiceTask, WebSession) == [1, 2, 1]


def test_the_sweep_removes_a_part_in_each_round(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """However much is old, a round ends."""
    monkeypatch.setattr(retention, "JOBS", 1)
    for _ in range(2):
        ended(ledger, 8 * DAY)
    monkeypatch.setattr(sweeping, "_PRUNING", 0.0)
    settings = keeping(ledger, jobs=7)
    assert [sweep_once(ledger.begin, ledger.dispatch, settings).pruned for _ in range(3)] == [1, 1, 0]


def test_what_a_removed_job_found_can_still_be_read(api: Api) -> None:
    """Its analyses and verdicts stay, and name the job that was."""
    submission = api.submit(b"kept")
    job = api.job_of(submission)
    sample = f"/sample/{submission['sampleSha256']}"
    body = {"analysisScore": 90, "analysisResult": {"a": 1}, "tlp": "amber", "customer": "default"}
    made = api.post(f"{sample}/analysis", {**body, "userAgent": {"name": "tests", "version": "1"}})
    assert made.status_code == 200, made.text
    api.post(f"{sample}/verdict", {"comment": "c", "statusOverride": "malicious"})
    with api.begin() as uow:
        at = now() - 8 * DAY
        uow.session.execute(update(Job).values(enqueued_at=at, end_at=at, state=JobState.done))
        uow.session.execute(update(JobTask).values(state=JobTaskState.success))
        for table in (Analysis, Verdict):
            uow.session.execute(update(table).values(job_id=UUID(job["id"])))
        uow.commit()
    settings = api.settings.model_copy(update={"keep_jobs_days": 7})
    assert retention.prune(api.begin, settings).jobs == 1
    assert api.get(f"/job/{job['id']}").status_code == 404
    [analysis] = api.get(f"{sample}/analysis").json()["data"]
    assert analysis["analysisScore"] == 90
    assert api.get(f"{sample}/analysis/{analysis['analysisID']}").status_code == 200
    [verdict] = api.get(f"{sample}/verdict").json()["data"]
    assert verdict["comment"] == "c"
    assert api.get(sample).status_code == 200


def test_bytes_that_nothing_refers_to_go(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless they are young, or a sample's."""
    blobs = open_blobs(api.settings)
    owned = api.submit(b"owned")["sampleSha256"]
    stray = blobs.put([b"stray", str(new_id()).encode()]).sha256
    assert retention.prune_blobs(api.begin, blobs) == 0
    monkeypatch.setattr(retention, "_YOUNG", -DAY)
    assert retention.prune_blobs(api.begin, blobs, dry=True) == 1
    assert blobs.exists(stray)
    assert retention.prune_blobs(api.begin, blobs) == 1
    assert (blobs.exists(stray), blobs.exists(owned)) == (False, True)
