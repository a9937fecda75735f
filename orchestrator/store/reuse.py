"""Analyses that were made lately and can stand for a new run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from orchestrator.domain.vocabulary import JobTaskState
from orchestrator.store.planning import NewJob
from orchestrator.store.tables import Analysis, Job, JobTask, JobTaskAnalysis, RegisteredWorker

#: How many earlier analyses of a sample are looked at: with other options they are of no use.
_MOST = 500


@dataclass(frozen=True, slots=True)
class Earlier:
    """An analysis, the job task that it was recorded for, and that job's options."""

    analysis_id: UUID
    job_task_id: UUID
    worker: str
    version: str
    made_at: datetime
    options: Mapping[str, str]


def enqueued_of(session: Session, job_id: UUID) -> dict[str, UUID]:
    """The job's job tasks that have not begun, by worker."""
    statement = select(JobTask.worker, JobTask.id).where(
        JobTask.job_id == job_id, JobTask.state == JobTaskState.enqueued
    )
    return {row.worker: row.id for row in session.execute(statement)}


def earlier_of(session: Session, job: NewJob, workers: Sequence[str], since: datetime) -> list[Earlier]:
    """What these workers, in the versions that are registered now, found for the job's own customer.

    The newest come first.
    """
    statement = (
        select(
            Analysis.id,
            JobTask.id,
            JobTask.worker,
            Analysis.user_agent_version,
            Analysis.created_at,
            Job.options,
        )
        .join(JobTask, JobTask.id == Analysis.recorded_for)
        .join(Job, Job.id == JobTask.job_id)
        .join(
            RegisteredWorker,
            (RegisteredWorker.short_name == JobTask.worker)
            & (RegisteredWorker.version == Analysis.user_agent_version)
            & RegisteredWorker.deleted_at.is_(None),
        )
        .where(
            Analysis.sample_sha256 == job.sample_sha256,
            Analysis.user_agent_name.in_(sorted(workers)),
            Analysis.created_at >= since,
            Analysis.customer_id == job.customer_id,
            JobTask.state == JobTaskState.success,
        )
        .order_by(Analysis.created_at.desc(), Analysis.id.desc())
        .limit(_MOST)
    )
    return [Earlier(*row) for row in session.execute(statement)]


def link(session: Session, links: Mapping[UUID, UUID]) -> None:
    """Let job tasks refer to analyses, which stay those of the jobs that made them."""
    session.execute(
        insert(JobTaskAnalysis.__table__),
        [{"job_task_id": key, "analysis_id": value, "position": 0} for key, value in links.items()],
    )
