"""Reads the history of all job tasks in the order of its ids."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select, text
from sqlalchemy.orm import InstrumentedAttribute, Session

from orchestrator.domain.caller import Caller
from orchestrator.domain.events import CLOSED, Change, Interest
from orchestrator.domain.lifecycle import FINAL
from orchestrator.store.jobs import visible
from orchestrator.store.recording import is_postgresql
from orchestrator.store.tables import AccessGrant, Job, JobTask, JobTaskEvent

# whoever has written to a table holds such a lock on it until its transaction ends
_WRITERS = text(
    "SELECT virtualtransaction FROM pg_locks WHERE locktype = 'relation' AND mode = 'RowExclusiveLock'"
    " AND granted AND relation = to_regclass('job_task_event')"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
_COLUMNS: tuple[Any, ...] = (
    JobTaskEvent.id,
    JobTaskEvent.at,
    Job.id,
    Job.state,
    Job.sample_sha256,
    Job.customer_id,
    Job.submission_id,
    JobTaskEvent.job_task_id,
    JobTask.worker,
    JobTaskEvent.attempt,
    JobTaskEvent.source,
    JobTaskEvent.target,
    JobTaskEvent.cause,
    JobTaskEvent.message,
    JobTaskEvent.waited_ms,
    JobTaskEvent.ran_ms,
)
_JOB = 2


def writers(session: Session) -> frozenset[str] | None:
    """The open transactions that write history; None where they come one after another (SQLite)."""
    connection = session.connection()
    if not is_postgresql(connection):
        return None
    return frozenset(connection.execute(_WRITERS).scalars())


def newest(session: Session) -> int:
    """The number of the newest change; 0: there is none."""
    return session.scalar(select(func.max(JobTaskEvent.id))) or 0


def changes(session: Session, after: int, limit: int) -> list[tuple[int, Change | None]]:
    """The next changes by number; None for those whose job task was deleted."""
    return _read(session, _from(after, limit))


def changes_for(
    session: Session, caller: Caller, interest: Interest, after: int, upto: int, limit: int
) -> list[Change]:
    """The next changes of ``(after, upto]`` that the caller may see, of the jobs and samples of interest."""
    statement = _from(after, limit).where(JobTaskEvent.id <= upto, JobTask.id.is_not(None))
    if not caller.sees_all:
        statement = statement.where(visible(caller))
    for column, wanted in ((JobTask.job_id, interest.jobs), (Job.sample_sha256, interest.samples)):
        if wanted:
            statement = statement.where(JobTaskEvent.job_task_id.in_(_job_tasks(column, wanted)))
    return [change for _, change in _read(session, statement) if change is not None]


def _job_tasks(column: InstrumentedAttribute[Any], wanted: Collection[object]) -> Select[Any]:
    """Few, and found by an index: the history is then looked up, not read through."""
    job_tasks: Select[Any] = select(JobTask.id).join(Job, Job.id == JobTask.job_id)
    return job_tasks.where(column.in_(wanted))


def is_shared(session: Session, caller: Caller, submission_id: UUID) -> bool:
    """Whether a grant lets the caller see the submission's job."""
    statement = select(AccessGrant.id).where(
        AccessGrant.object_id == submission_id, AccessGrant.subject_id.in_(caller.subject_ids)
    )
    return session.scalar(statement.limit(1)) is not None


def _from(after: int, limit: int) -> Select[Any]:
    statement: Select[Any] = select(*_COLUMNS)
    return (
        statement.outerjoin(JobTask, JobTask.id == JobTaskEvent.job_task_id)
        .outerjoin(Job, Job.id == JobTask.job_id)
        .where(JobTaskEvent.id > after)
        .order_by(JobTaskEvent.id)
        .limit(limit)
    )


def _read(session: Session, statement: Select[Any]) -> list[tuple[int, Change | None]]:
    rows = [(row[0], Change(*row) if row[_JOB] else None) for row in session.execute(statement)]
    closed = {change.job_id for _, change in rows if change and change.job_state in CLOSED}
    last = _last(session, sorted(closed))
    return [
        (number, replace(change, closes=True) if change and _closes(change, last) else change)
        for number, change in rows
    ]


def _closes(change: Change, last: dict[UUID, int]) -> bool:
    return change.target in FINAL and last.get(change.job_id) == change.number


def _last(session: Session, jobs: Sequence[UUID]) -> dict[UUID, int]:
    """The number of the last change of each of these jobs."""
    if not jobs:
        return {}
    statement = (
        select(JobTask.job_id, func.max(JobTaskEvent.id))
        .join(JobTaskEvent, JobTaskEvent.job_task_id == JobTask.id)
        .where(JobTask.job_id.in_(jobs))
        .group_by(JobTask.job_id)
    )
    return {row[0]: row[1] for row in session.execute(statement)}
