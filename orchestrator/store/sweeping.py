"""What the sweep looks for. Every query reads open rows alone, through partial indexes, and has a limit."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from orchestrator.domain.messages import JobTaskMessage
from orchestrator.domain.transition import LONGEST_BACKOFF
from orchestrator.domain.vocabulary import MALICIOUS, JobState, JobTaskState, StatusOverride
from orchestrator.store.recording import JobRow
from orchestrator.store.tables import (
    AccessGrant,
    Challenge,
    Job,
    JobTask,
    SampleRow,
    Submission,
    Verdict,
    WorkerProcess,
)

#: What is due later than any backoff ends, or was sent later than now, was written under a clock that has
#: stepped back since; hosts' clocks differ by less.
_FARTHEST = timedelta(seconds=LONGEST_BACKOFF + 60)
_SKEW = timedelta(minutes=1)

_ENQUEUED = JobTask.state == JobTaskState.enqueued
_EXECUTING = JobTask.state == JobTaskState.executing
_OPEN = JobTask.state.in_((JobTaskState.enqueued, JobTaskState.executing))
_JOB_OPEN = Job.state.in_((JobState.enqueued, JobState.executing))


@dataclass(frozen=True, slots=True)
class Stray:
    """An open job task that the sweep has to move."""

    id: UUID
    attempt: int
    state: JobTaskState
    host: str | None = None
    pid: int | None = None
    worker_version: str | None = None


def _messages(session: Session, condition: ColumnElement[bool], limit: int) -> list[JobTaskMessage]:
    statement = (
        select(JobTask.id, JobTask.worker, JobTask.attempt, JobTask.priority, JobTask.job_id)
        .where(_ENQUEUED, JobTask.celery, condition)
        .order_by(JobTask.due_at)
        .limit(limit)
    )
    return [JobTaskMessage(*row) for row in session.connection().execute(statement)]


def unpublished(session: Session, at: datetime, grace: timedelta, limit: int) -> list[JobTaskMessage]:
    """Job tasks that no message was sent for: retries that are due, and what a crash left behind.

    What is held back in a lane waits for its turn.
    """
    due = or_(
        JobTask.due_at <= at - grace,
        and_(JobTask.attempt > 1, JobTask.due_at <= at),
        JobTask.due_at > at + _FARTHEST,
    )
    return _messages(session, and_(JobTask.published_at.is_(None), JobTask.lane.is_(None), due), limit)


def unanswered(session: Session, before: datetime, at: datetime, limit: int) -> list[JobTaskMessage]:
    """Job tasks that still wait although their message was sent long ago, or in a future that is no more."""
    return _messages(session, or_(JobTask.published_at <= before, JobTask.published_at > at + _SKEW), limit)


def waiting(session: Session, worker: str, before: datetime, limit: int) -> list[JobTaskMessage]:
    """Job tasks of a worker whose message was sent before a moment and that still wait."""
    return _messages(session, and_(JobTask.worker == worker, JobTask.published_at <= before), limit)


def processes(session: Session) -> list[WorkerProcess]:
    """Every worker process that the store knows."""
    return list(session.scalars(select(WorkerProcess)))


def executing_of(session: Session, process_ids: Collection[UUID], limit: int) -> list[Stray]:
    """What these worker processes have left executing."""
    statement = (
        select(
            JobTask.id,
            JobTask.attempt,
            JobTask.state,
            WorkerProcess.host,
            WorkerProcess.pid,
            JobTask.worker,
            WorkerProcess.workers,
        )
        .join(WorkerProcess, WorkerProcess.id == JobTask.process_id)
        .where(_EXECUTING, JobTask.process_id.in_(list(process_ids)))
        .limit(limit)
    )
    rows = session.connection().execute(statement).all()
    return [
        Stray(key, attempt, state, host, pid, versions.get(worker))
        for key, attempt, state, host, pid, worker, versions in rows
    ]


def remove_processes(session: Session, process_ids: Collection[UUID]) -> None:
    """Forget worker processes, unless something still refers to them as executing."""
    session.connection().execute(
        delete(WorkerProcess.__table__).where(
            WorkerProcess.id.in_(list(process_ids)),
            ~exists().where(JobTask.process_id == WorkerProcess.id, _EXECUTING),
        )
    )


def overdue(session: Session, at: datetime, limit: int) -> list[Stray]:
    """Open job tasks past their deadline, or past their job's."""
    by_job = (
        select(JobTask.id, JobTask.attempt, JobTask.state)
        .join(Job, Job.id == JobTask.job_id)
        .where(_JOB_OPEN, Job.deadline_at <= at, _OPEN)
        .limit(limit)
    )
    by_itself = (
        select(JobTask.id, JobTask.attempt, JobTask.state)
        .where(_OPEN, JobTask.deadline_at <= at)
        .limit(limit)
    )
    found = {
        row.id: Stray(*row)
        for statement in (by_itself, by_job)
        for row in session.connection().execute(statement)
    }
    return list(found.values())


def jobs_to_close(session: Session, at: datetime, before: datetime, limit: int) -> list[JobRow]:
    """Lock open jobs that have nothing left to do: all job tasks final, or none and the deadline passed.

    Only jobs made before a moment are looked at: younger ones are still being planned or recorded.
    """
    busy = exists().where(JobTask.job_id == Job.id, _OPEN)
    any_task = exists().where(JobTask.job_id == Job.id)
    statement = (
        select(*(getattr(Job, name) for name in JobRow.__slots__))
        .where(_JOB_OPEN, ~busy, or_(Job.deadline_at <= at, and_(Job.enqueued_at <= before, any_task)))
        .order_by(Job.id)
        .limit(limit)
        .with_for_update(key_share=True, skip_locked=True)
    )
    return [JobRow(*row) for row in session.connection().execute(statement)]


def workers_waited_for(session: Session) -> set[str]:
    """The analysis workers of enqueued job tasks that Celery is to serve."""
    statement = select(JobTask.worker).where(_ENQUEUED, JobTask.celery).distinct()
    return set(session.connection().execute(statement).scalars())


def say_unserved(session: Session, worker: str, message: str) -> int:
    """Let the enqueued job tasks of a worker say that nobody serves it."""
    result = session.connection().execute(
        update(JobTask.__table__)
        .where(
            _ENQUEUED,
            JobTask.celery,
            JobTask.worker == worker,
            or_(JobTask.message.is_(None), JobTask.message != message),
        )
        .values(message=message)
    )
    return result.rowcount


def unsay_unserved(session: Session, message: str, worker: str) -> int:
    """Take the message back once somebody serves the worker."""
    result = session.connection().execute(
        update(JobTask.__table__)
        .where(_ENQUEUED, JobTask.worker == worker, JobTask.message == message)
        .values(message=None)
    )
    return result.rowcount


def remove_challenges(session: Session, before: datetime, limit: int) -> int:
    """Forget challenges that ran out, or were used up, long ago."""
    chosen = select(Challenge.id).where(Challenge.expires_at <= before).limit(limit)
    result = session.connection().execute(delete(Challenge.__table__).where(Challenge.id.in_(chosen)))
    return result.rowcount


def remove_submissions(session: Session, at: datetime, limit: int) -> int:
    """Remove submissions past their retention, unless their sample is malicious (contract section 5.2)."""
    malicious = or_(Verdict.status_override == StatusOverride.malicious, Verdict.score >= MALICIOUS)
    statement = (
        select(Submission.id)
        .join(SampleRow, SampleRow.sha256 == Submission.sample_sha256)
        .outerjoin(Verdict, Verdict.id == SampleRow.latest_verdict_id)
        .where(Submission.expiry_at <= at, or_(Verdict.id.is_(None), ~func.coalesce(malicious, False)))
        .limit(limit)
    )
    connection = session.connection()
    chosen = list(connection.execute(statement).scalars())
    if chosen:
        connection.execute(delete(AccessGrant.__table__).where(AccessGrant.object_id.in_(chosen)))
        connection.execute(delete(Submission.__table__).where(Submission.id.in_(chosen)))
    return len(chosen)
