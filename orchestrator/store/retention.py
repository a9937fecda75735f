"""The statements that remove what has ended and is old: a batch each, found through an index.

The oldest rows are looked at first, so that what there is to remove is found without reading the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import CursorResult, Select, delete, exists, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from orchestrator.domain.lifecycle import OPEN as OPEN_JOB_TASK
from orchestrator.domain.vocabulary import JobState
from orchestrator.store.maintenance import OPEN as OPEN_SERVICE_TASK
from orchestrator.store.tables import (
    AuditEntry,
    Evidence,
    Job,
    JobTask,
    JobTaskAnalysis,
    JobTaskEvent,
    SampleRow,
    ServiceTask,
    WebSession,
)

_OPEN_JOB = (JobState.enqueued, JobState.executing)


def old_jobs(before: datetime, limit: int) -> Select[Any]:
    """Jobs that ended before a moment."""
    return (
        select(Job.id)
        .where(Job.enqueued_at < before, Job.state.not_in(_OPEN_JOB), Job.end_at < before)
        .order_by(Job.enqueued_at, Job.id)
        .limit(limit)
    )


def old_history(before: datetime, limit: int) -> Select[Any]:
    """The oldest history rows, those of open job tasks left out; ids count up with time."""
    busy = exists().where(JobTask.id == JobTaskEvent.job_task_id, JobTask.state.in_(sorted(OPEN_JOB_TASK)))
    oldest = select(JobTaskEvent.id).order_by(JobTaskEvent.id).limit(limit).subquery()
    return select(JobTaskEvent.id).where(
        JobTaskEvent.id.in_(select(oldest.c.id)), JobTaskEvent.at < before, ~busy
    )


def old_audit(before: datetime, limit: int) -> Select[Any]:
    """Audit entries from before a moment."""
    return select(AuditEntry.id).where(AuditEntry.at < before).order_by(AuditEntry.at).limit(limit)


def old_service_tasks(before: datetime, limit: int) -> Select[Any]:
    """Service tasks that ended before a moment."""
    return (
        select(ServiceTask.id)
        .where(
            ServiceTask.created_at < before,
            ServiceTask.state.not_in(sorted(OPEN_SERVICE_TASK)),
            ServiceTask.finished_at < before,
        )
        .order_by(ServiceTask.created_at)
        .limit(limit)
    )


def old_sessions(before: datetime, limit: int) -> Select[Any]:
    """Sessions of the pages that ran out before a moment."""
    return select(WebSession.digest).where(WebSession.expires_at < before).limit(limit)


def count(session: Session, chosen: Select[Any]) -> int:
    """How many rows a selection has."""
    return session.scalar(select(func.count()).select_from(chosen.subquery())) or 0


def remove(session: Session, key: InstrumentedAttribute[Any], chosen: Select[Any]) -> int:
    """Remove the chosen rows of the key's table; how many."""
    return _delete(session, key, session.scalars(chosen).all())


def remove_jobs(session: Session, chosen: Select[Any]) -> int:
    """Remove jobs, their job tasks and those's history; what the jobs found stays."""
    jobs = session.scalars(chosen).all()
    job_tasks = session.scalars(select(JobTask.id).where(JobTask.job_id.in_(jobs))).all()
    for key in (JobTaskAnalysis.job_task_id, JobTaskEvent.job_task_id, JobTask.id):
        _delete(session, key, job_tasks)
    return _delete(session, Job.id, jobs)


def _delete(session: Session, key: InstrumentedAttribute[Any], values: Sequence[Any]) -> int:
    if not values:
        return 0
    statement = delete(key.class_).where(key.in_(values))
    result = session.execute(statement, execution_options={"synchronize_session": False})
    assert isinstance(result, CursorResult)
    return result.rowcount


def unowned(session: Session, hashes: Sequence[str]) -> list[str]:
    """Those of the blobs that no stored sample and no evidence has."""
    samples = select(SampleRow.sha256).where(SampleRow.sha256.in_(hashes), SampleRow.deleted_at.is_(None))
    evidence = select(Evidence.checksum).where(Evidence.checksum.in_(hashes))
    owned = {*session.scalars(samples), *session.scalars(evidence)}
    return [each for each in hashes if each not in owned]
