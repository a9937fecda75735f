"""What planning a job reads and writes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session

from orchestrator.domain.lifecycle import OPEN, Actor
from orchestrator.domain.messages import JobTaskMessage
from orchestrator.store.tables import (
    Job,
    JobTask,
    JobTaskEvent,
    RegisteredWorker,
    SampleClassification,
    SampleRow,
)


def latest_classification(session: Session, sample: SampleRow) -> SampleClassification | None:
    if sample.latest_classification_id is None:
        return None
    return session.get(SampleClassification, sample.latest_classification_id)


def sample_of(session: Session, job: Job) -> SampleRow:
    return session.get_one(SampleRow, job.sample_sha256, populate_existing=True)


def workers_named(session: Session, short_names: Sequence[str]) -> list[RegisteredWorker]:
    """The live registered workers of these short names, in that order."""
    statement = select(RegisteredWorker).where(
        RegisteredWorker.short_name.in_(short_names), RegisteredWorker.deleted_at.is_(None)
    )
    found = {row.short_name: row for row in session.scalars(statement)}
    return [found[name] for name in dict.fromkeys(short_names) if name in found]


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
    classifiers = select(RegisteredWorker.short_name).where(
        RegisteredWorker.classifies, RegisteredWorker.deleted_at.is_(None)
    )
    return [
        job
        for job in candidates
        if not session.scalar(
            select(
                exists().where(
                    JobTask.job_id == job.id, JobTask.state.in_(OPEN), JobTask.worker.in_(classifiers)
                )
            )
        )
    ]


def add_job_tasks(session: Session, rows: Sequence[JobTask], actor: Actor, by: str | None) -> None:
    """Insert job tasks, each with the history row of its making."""
    session.add_all(rows)
    session.add_all(
        JobTaskEvent(
            job_task_id=row.id,
            attempt=1,
            source=None,
            target=row.state,
            at=row.enqueued_at,
            actor=actor,
            by=by,
        )
        for row in rows
    )
    session.flush()


def forget_pending(session: Session, job_id: UUID) -> None:
    """Let no worker wait for the job's classification any more."""
    session.execute(update(Job).where(Job.id == job_id).values(pending_workers=[]))


def message_of(row: JobTask) -> JobTaskMessage:
    return JobTaskMessage(row.id, row.worker, row.attempt, row.priority)
