"""The statements behind the recorder: each handles a whole batch of job tasks.

Locks are taken jobs first, in the order of their ids; whoever holds a job's lock alone may change its
job tasks. That one order keeps batches of several processes free of deadlocks.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, func, insert, or_, select, update
from sqlalchemy.orm import Session

from orchestrator.domain.vocabulary import JobState, JobTaskState
from orchestrator.store.tables import Analysis, Job, JobTask, JobTaskAnalysis, JobTaskEvent

_JOB = Job.__table__
_TASK = JobTask.__table__
_OPEN = (JobTaskState.enqueued, JobTaskState.executing)


@dataclass(slots=True)
class JobRow:
    """What the recorder needs of a job, under its lock."""

    id: UUID
    state: JobState
    sample_sha256: str
    customer_id: int
    submission_id: UUID | None
    deadline_at: datetime
    pending_workers: list[str]
    priority: int
    depth: int
    root_job_id: UUID | None


@dataclass(slots=True)
class JobTaskRow:
    """What the recorder needs of a job task; it is changed here first, then written."""

    id: UUID
    job_id: UUID
    worker: str
    priority: int
    celery: bool
    enqueued_at: datetime
    state: JobTaskState
    message: str | None
    attempt: int
    due_at: datetime
    published_at: datetime | None
    start_at: datetime | None
    end_at: datetime | None
    process_id: UUID | None


_JOB_COLUMNS = [_JOB.c[name] for name in JobRow.__slots__]
_TASK_COLUMNS = [_TASK.c[name] for name in JobTaskRow.__slots__]
_CHANGING = ("state", "message", "attempt", "due_at", "published_at", "start_at", "end_at", "process_id")

_LOCK_JOBS = (
    select(*_JOB_COLUMNS)
    .where(
        _JOB.c.id.in_(select(_TASK.c.job_id).where(_TASK.c.id.in_(bindparam("job_task_ids", expanding=True))))
    )
    .order_by(_JOB.c.id)
    .with_for_update(key_share=True)
)
_JOB_TASKS = select(*_TASK_COLUMNS).where(_TASK.c.id.in_(bindparam("job_task_ids", expanding=True)))
_CHANGE = (
    update(_TASK)
    .where(
        _TASK.c.id == bindparam("key"),
        _TASK.c.state == bindparam("state_was"),
        _TASK.c.attempt == bindparam("attempt_was"),
    )
    .values({name: bindparam(name) for name in _CHANGING})
)
_OPEN_JOBS = (
    select(_TASK.c.job_id)
    .where(_TASK.c.job_id.in_(bindparam("job_ids", expanding=True)), _TASK.c.state.in_(_OPEN))
    .distinct()
)
_TIMED_OUT_JOBS = (
    select(_TASK.c.job_id)
    .where(
        _TASK.c.job_id.in_(bindparam("job_ids", expanding=True)),
        _TASK.c.state == JobTaskState.timeout,
    )
    .distinct()
)
_START_JOB = (
    update(_JOB)
    .where(_JOB.c.id == bindparam("key"), _JOB.c.state == JobState.enqueued)
    .values(state=JobState.executing, start_at=bindparam("at"))
)
_CLOSE_JOB = (
    update(_JOB)
    # an IN cannot be executed for many rows at once
    .where(
        _JOB.c.id == bindparam("key"),
        or_(_JOB.c.state == JobState.enqueued, _JOB.c.state == JobState.executing),
    )
    .values(
        state=bindparam("closed_as"),
        start_at=func.coalesce(_JOB.c.start_at, bindparam("at")),
        end_at=bindparam("at"),
    )
)


class ConcurrentChange(RuntimeError):
    """A job task changed although its job was locked: somebody wrote past the recorder."""


def lock_jobs(session: Session, job_task_ids: Collection[UUID]) -> dict[UUID, JobRow]:
    """Lock the jobs of these job tasks until the transaction ends."""
    rows = session.connection().execute(_LOCK_JOBS, {"job_task_ids": list(job_task_ids)})
    return {row[0]: JobRow(*row) for row in rows}


def job_tasks(session: Session, ids: Collection[UUID]) -> dict[UUID, JobTaskRow]:
    """The job tasks as they are now; those that do not exist are left out."""
    rows = session.connection().execute(_JOB_TASKS, {"job_task_ids": list(ids)})
    return {row[0]: JobTaskRow(*row) for row in rows}


def write(session: Session, changed: Sequence[tuple[JobTaskRow, JobTaskState, int]]) -> None:
    """Write changed rows, each by compare-and-set on the state and attempt that it had."""
    parameters = [
        {
            "key": row.id,
            "state_was": state_was,
            "attempt_was": attempt_was,
            **{name: getattr(row, name) for name in _CHANGING},
        }
        for row, state_was, attempt_was in changed
    ]
    result = session.connection().execute(_CHANGE, parameters)
    if result.rowcount != len(changed):
        raise ConcurrentChange(f"{len(changed)} job tasks to change, {result.rowcount} as expected")


def add_events(session: Session, events: Sequence[Mapping[str, Any]]) -> None:
    """Append to the history."""
    session.connection().execute(insert(JobTaskEvent.__table__), list(events))


def jobs_with_open(session: Session, job_ids: Collection[UUID]) -> set[UUID]:
    """Those of the jobs that have a job task which is not final."""
    return set(session.connection().execute(_OPEN_JOBS, {"job_ids": list(job_ids)}).scalars())


def jobs_with_timeout(session: Session, job_ids: Collection[UUID]) -> set[UUID]:
    """Those of the jobs that have a job task which timed out."""
    return set(session.connection().execute(_TIMED_OUT_JOBS, {"job_ids": list(job_ids)}).scalars())


def start_jobs(session: Session, job_ids: Collection[UUID], at: datetime) -> None:
    """Mark jobs as executing that are still enqueued."""
    session.connection().execute(_START_JOB, [{"key": each, "at": at} for each in job_ids])


def close_jobs(session: Session, closing: Mapping[UUID, JobState], at: datetime) -> None:
    """Give jobs their last state."""
    session.connection().execute(
        _CLOSE_JOB, [{"key": each, "closed_as": state, "at": at} for each, state in closing.items()]
    )


def attach(session: Session, job_task_id: UUID, job_id: UUID, analysis_ids: Sequence[UUID]) -> None:
    """Let a job task refer to analyses, after those it refers to; the analyses then belong to its job."""
    connection = session.connection()
    table = JobTaskAnalysis.__table__
    known = connection.execute(
        select(table.c.analysis_id, table.c.position).where(table.c.job_task_id == job_task_id)
    ).all()
    here = {row.analysis_id for row in known}
    position = max((row.position + 1 for row in known), default=0)
    fresh = [each for each in dict.fromkeys(analysis_ids) if each not in here]
    if fresh:
        connection.execute(
            insert(table),
            [
                {"job_task_id": job_task_id, "analysis_id": each, "position": position + number}
                for number, each in enumerate(fresh)
            ],
        )
        connection.execute(update(Analysis.__table__).where(Analysis.id.in_(fresh)).values(job_id=job_id))
