"""What remote workers are given: job tasks that wait for one over HTTP, and those that one has taken."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from orchestrator.domain.transition import LONGEST_BACKOFF
from orchestrator.domain.vocabulary import JobTaskState
from orchestrator.store.tables import Job, JobTask, WorkerProcess

#: What is due later than any backoff ends was written under a clock that has stepped back since.
_FARTHEST = timedelta(seconds=LONGEST_BACKOFF + 60)


def get_process(session: Session, process_id: UUID) -> WorkerProcess | None:
    return session.get(WorkerProcess, process_id)


def claimable(
    session: Session, workers: Collection[str], customer_id: int | None, at: datetime, limit: int
) -> list[tuple[UUID, int]]:
    """Due job tasks that Celery does not serve, with their attempts, urgent and old ones first.

    Of the customer's own jobs; None: of every customer's.
    """
    statement = (
        select(JobTask.id, JobTask.attempt)
        .join(Job, Job.id == JobTask.job_id)
        .where(
            JobTask.state == JobTaskState.enqueued,
            JobTask.worker.in_(sorted(workers)),
            ~JobTask.celery,
            or_(JobTask.due_at <= at, JobTask.due_at > at + _FARTHEST),
        )
        .order_by(JobTask.priority.desc(), JobTask.due_at, JobTask.id)
        .limit(limit)
    )
    if customer_id is not None:
        statement = statement.where(Job.customer_id == customer_id)
    return [(row.id, row.attempt) for row in session.execute(statement)]


def executing_under(session: Session, process_id: UUID) -> set[UUID]:
    """The job tasks that this process is executing, as far as the store knows."""
    statement = select(JobTask.id).where(
        JobTask.process_id == process_id, JobTask.state == JobTaskState.executing
    )
    return set(session.scalars(statement))
