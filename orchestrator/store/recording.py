"""The statements behind the recorder: each handles a whole batch of job tasks.

Locks are taken jobs first, in the order of their ids; whoever holds a job's lock alone may change its
job tasks. That one order keeps batches of several processes free of deadlocks.

PostgreSQL gets arrays: a statement's text is then the same for every size of batch, so that it is planned
once, and one round trip writes rows and history (``recording_postgresql``). SQLite gets one row at a time,
which costs no round trip there.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Connection,
    Executable,
    Select,
    Uuid,
    any_,
    bindparam,
    case,
    func,
    insert,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session

from orchestrator.domain.vocabulary import JobState, JobTaskState
from orchestrator.store import recording_postgresql
from orchestrator.store.bulk import array
from orchestrator.store.tables import Analysis, Job, JobTask, JobTaskAnalysis, JobTaskEvent

_JOB = Job.__table__
_TASK = JobTask.__table__
_OPEN = or_(_TASK.c.state == JobTaskState.enqueued, _TASK.c.state == JobTaskState.executing)


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
    state: JobTaskState
    message: str | None
    attempt: int
    due_at: datetime
    start_at: datetime | None
    end_at: datetime | None
    process_id: UUID | None


#: A row as it became, with the state and attempt that it had.
Changed = tuple[JobTaskRow, JobTaskState, int]

_JOB_FIELDS = tuple(JobRow.__slots__)
_TASK_FIELDS = tuple(JobTaskRow.__slots__)
_CHANGING = ("state", "message", "attempt", "due_at", "start_at", "end_at", "process_id")

_NEXT = bindparam("state", type_=_TASK.c.state.type)
_CHANGE = (
    update(_TASK)
    .where(
        _TASK.c.id == bindparam("key"),
        _TASK.c.state == bindparam("state_was"),
        _TASK.c.attempt == bindparam("attempt_was"),
    )
    .values(
        {name: bindparam(name) for name in _CHANGING}
        # the next attempt's message is yet to be sent
        | {"published_at": case({JobTaskState.enqueued: null()}, value=_NEXT, else_=_TASK.c.published_at)}
    )
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
    """A job task is not as the caller knew it: somebody else moved it meanwhile. Nothing was committed."""


def is_postgresql(connection: Connection) -> bool:
    return connection.dialect.name == "postgresql"


def among(column: Any, *, postgresql: bool) -> ColumnElement[bool]:
    """Whether a column of ids is one of the parameter ``ids``."""
    if postgresql:
        among_array: ColumnElement[bool] = column == any_(bindparam("ids", type_=ARRAY(Uuid())))
        return among_array
    among_list: ColumnElement[bool] = column.in_(bindparam("ids", expanding=True))
    return among_list


@cache
def _lock_jobs(*, postgresql: bool) -> Executable:
    columns = [_JOB.c[name] for name in _JOB_FIELDS]
    if postgresql:
        return recording_postgresql.lock_jobs(columns)
    theirs = select(_TASK.c.job_id).where(among(_TASK.c.id, postgresql=False))
    known = _JOB.c.id.in_(bindparam("job_ids", expanding=True))
    return select(*columns).where(or_(_JOB.c.id.in_(theirs), known))


@cache
def _job_tasks(*, postgresql: bool) -> Executable:
    columns = [_TASK.c[name] for name in _TASK_FIELDS]
    if postgresql:
        return recording_postgresql.job_tasks(columns)
    return select(*columns).where(among(_TASK.c.id, postgresql=False))


@cache
def _remaining(*, postgresql: bool) -> Select[Any]:
    timed_out = _TASK.c.state == JobTaskState.timeout
    return (
        select(_TASK.c.job_id, _TASK.c.state)
        .where(among(_TASK.c.job_id, postgresql=postgresql), or_(_OPEN, timed_out))
        .distinct()
    )


def lock(
    session: Session, job_task_ids: Collection[UUID], job_ids: Collection[UUID] = ()
) -> tuple[dict[UUID, JobRow], dict[UUID, JobTaskRow]]:
    """Lock the jobs of these job tasks, and these jobs, until the transaction ends.

    Returns the jobs and the job tasks as they are then; what does not exist is left out.
    """
    connection = session.connection()
    postgresql = is_postgresql(connection)
    ids, known = list(job_task_ids), list(job_ids)
    both = {"ids": array(ids), "job_ids": array(known)} if postgresql else {"ids": ids, "job_ids": known}
    jobs = {row[0]: JobRow(*row) for row in connection.execute(_lock_jobs(postgresql=postgresql), both)}
    job_tasks: dict[UUID, JobTaskRow] = {}
    if job_task_ids:
        # whoever holds the jobs' locks alone may change them
        for row in connection.execute(_job_tasks(postgresql=postgresql), {"ids": both["ids"]}):
            job_tasks[row[0]] = JobTaskRow(*row)
    return jobs, job_tasks


def write(session: Session, changed: Sequence[Changed], events: Sequence[Mapping[str, Any]]) -> None:
    """Write changed rows, each by compare-and-set, and append to the history."""
    connection = session.connection()
    if is_postgresql(connection):
        count = recording_postgresql.write(connection, changed, events)
    else:
        parameters = [
            {
                "key": row.id,
                "state_was": state_was,
                "attempt_was": attempt_was,
                **{name: getattr(row, name) for name in _CHANGING},
            }
            for row, state_was, attempt_was in changed
        ]
        count = connection.execute(_CHANGE, parameters).rowcount
        connection.execute(insert(JobTaskEvent.__table__), list(events))
    if count != len(changed):
        raise ConcurrentChange(f"{len(changed)} job tasks to change, {count} as expected")


def remaining(session: Session, job_ids: Collection[UUID]) -> tuple[set[UUID], set[UUID]]:
    """Those of the jobs that have a job task which is not final, and those that have one timed out."""
    connection = session.connection()
    still_open: set[UUID] = set()
    timed_out: set[UUID] = set()
    for job_id, state in connection.execute(
        _remaining(postgresql=is_postgresql(connection)), {"ids": list(job_ids)}
    ):
        (timed_out if state is JobTaskState.timeout else still_open).add(job_id)
    return still_open, timed_out


def start_jobs(session: Session, job_ids: Collection[UUID], at: datetime) -> None:
    """Mark jobs as executing that are still enqueued."""
    connection = session.connection()
    if is_postgresql(connection):
        recording_postgresql.start_jobs(connection, job_ids, at)
    else:
        connection.execute(_START_JOB, [{"key": each, "at": at} for each in job_ids])


def close_jobs(session: Session, closing: Mapping[UUID, JobState], at: datetime) -> None:
    """Give jobs their last state."""
    connection = session.connection()
    if is_postgresql(connection):
        recording_postgresql.close_jobs(connection, closing, at)
    else:
        parameters = [{"key": each, "closed_as": state, "at": at} for each, state in closing.items()]
        connection.execute(_CLOSE_JOB, parameters)


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
