"""What planning jobs reads and writes, many jobs at a time."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cache
from uuid import UUID

from sqlalchemy import TextClause, exists, insert, select, text, update
from sqlalchemy.orm import Session

from orchestrator.domain.lifecycle import OPEN, Actor
from orchestrator.domain.messages import JobTaskMessage
from orchestrator.domain.vocabulary import JobState, JobTaskState
from orchestrator.store import bulk
from orchestrator.store.tables import (
    Job,
    JobTask,
    JobTaskEvent,
    RegisteredWorker,
    SampleClassification,
    SampleRow,
)


@dataclass(slots=True)
class NewJob:
    """A job that is about to be made."""

    id: UUID
    customer_id: int
    sample_sha256: str
    submission_id: UUID | None
    state: JobState
    priority: int
    options: Mapping[str, str]
    judged: bool
    depth: int
    root_job_id: UUID | None
    pending_workers: list[str]
    enqueued_at: datetime
    deadline_at: datetime


@dataclass(slots=True)
class NewJobTask:
    """A job task that is about to be made."""

    id: UUID
    job_id: UUID
    worker: str
    state: JobTaskState
    message: str | None
    attempt: int
    priority: int
    celery: bool
    enqueued_at: datetime
    due_at: datetime
    published_at: datetime | None
    deadline_at: datetime
    lane: str | None


_JOB = tuple(each.name for each in fields(NewJob))
_JOB_TASK = tuple(each.name for each in fields(NewJobTask))


def classifications(session: Session, ids: Collection[UUID]) -> dict[UUID, tuple[str, str]]:
    """Type and super type of each of these classifications."""
    if not ids:
        return {}
    table = SampleClassification
    statement = select(table.id, table.type, table.super_type).where(table.id.in_(list(ids)))
    return {row.id: (row.type, row.super_type) for row in session.execute(statement)}


def samples_of(session: Session, hashes: Collection[str]) -> dict[str, UUID | None]:
    """The latest classification of each of these samples."""
    statement = select(SampleRow.sha256, SampleRow.latest_classification_id)
    rows = session.execute(statement.where(SampleRow.sha256.in_(list(hashes))))
    return {row.sha256: row.latest_classification_id for row in rows}


def jobs_waiting(session: Session, job_ids: Collection[UUID]) -> list[Job]:
    """Those of the jobs that have workers waiting and no classifying job task open."""
    if not job_ids:
        return []
    candidates = [
        job
        for job in session.scalars(
            select(Job).where(Job.id.in_(job_ids)).execution_options(populate_existing=True)
        )
        if job.pending_workers
    ]
    if not candidates:
        return []
    classifiers = select(RegisteredWorker.short_name).where(
        RegisteredWorker.classifies, RegisteredWorker.deleted_at.is_(None)
    )
    statement = select(JobTask.job_id).where(
        JobTask.job_id.in_([job.id for job in candidates]),
        JobTask.state.in_(OPEN),
        JobTask.worker.in_(classifiers),
    )
    busy = set(session.scalars(statement))
    return [job for job in candidates if job.id not in busy]


def add_jobs(session: Session, jobs: Sequence[NewJob]) -> None:
    """Insert jobs."""
    bulk.insert_many(session.connection(), Job.__table__, _JOB, jobs)


def add_job_tasks(
    session: Session, rows: Sequence[NewJobTask], actor: Actor, by: Sequence[str | None]
) -> None:
    """Insert job tasks, each with the history row of its making; ``by`` says in whose name, row by row."""
    if not rows:
        return
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        parameters = bulk.parameters(_JOB_TASK, rows)
        connection.execute(_with_history(), {**parameters, "by": bulk.array(by), "actor": actor.value})
        return
    bulk.insert_many(connection, JobTask.__table__, _JOB_TASK, rows)
    connection.execute(
        insert(JobTaskEvent.__table__),
        [
            {
                "job_task_id": row.id,
                "attempt": row.attempt,
                "source": None,
                "target": row.state,
                "at": row.enqueued_at,
                "actor": actor,
                "by": name,
            }
            for row, name in zip(rows, by, strict=True)
        ],
    )


@cache
def _with_history() -> TextClause:
    table = JobTask.__table__
    rows = bulk.unnested(table, _JOB_TASK).removesuffix(")")
    names = bulk.quoted(_JOB_TASK)
    return text(
        f"""
        WITH new ({names}, "by") AS (SELECT * FROM {rows}, CAST(:by AS text[]))),
        made AS (INSERT INTO job_task ({names}) SELECT {names} FROM new)
        INSERT INTO job_task_event (job_task_id, attempt, target, at, actor, "by")
        SELECT id, attempt, state, enqueued_at, CAST(:actor AS varchar), "by" FROM new
        """  # noqa: S608 - made of the names above
    )


def forget_pending(session: Session, job_ids: Collection[UUID]) -> None:
    """Let no worker wait for these jobs' classification any more."""
    session.execute(update(Job).where(Job.id.in_(job_ids)).values(pending_workers=[]))


def message_of(row: NewJobTask, outbox: UUID | None = None) -> JobTaskMessage:
    return JobTaskMessage(row.id, row.worker, row.attempt, row.priority, row.job_id, outbox)


def job_task_exists(session: Session, job_id: UUID, worker: str) -> bool:
    """Whether the worker has a job task in this job."""
    return bool(session.scalar(select(exists().where(JobTask.job_id == job_id, JobTask.worker == worker))))
