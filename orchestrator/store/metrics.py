"""What the metrics count. What a scrape costs grows with the open work, never with the finished."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from orchestrator.store.tables import JobTask, SetAside, Webhook, WebhookDelivery

# spelled as the partial indexes spell them: SQLite uses such an index for nothing else
_OPEN = text("job_task.state IN ('enqueued', 'executing')")
_PENDING = text("webhook_delivery.state = 'pending'")
_UNPUBLISHED = text("job_task.state = 'enqueued' AND job_task.published_at IS NULL AND job_task.lane IS NULL")


def open_job_tasks(session: Session) -> Sequence[Any]:
    """(worker, state, how many, the oldest's enqueuing, how many for Celery) of what is open."""
    statement = select(
        JobTask.worker,
        JobTask.state,
        func.count().label("number"),
        func.min(JobTask.enqueued_at).label("oldest"),
        func.count().filter(JobTask.celery).label("celery"),
    )
    return session.execute(statement.where(_OPEN).group_by(JobTask.worker, JobTask.state)).all()


def unpublished(session: Session, at: datetime) -> int:
    """How many job tasks are due whose message was not sent yet."""
    statement = select(func.count()).select_from(JobTask)
    return session.scalar(statement.where(_UNPUBLISHED, JobTask.due_at <= at, JobTask.celery)) or 0


def set_aside(session: Session) -> int:
    """How many messages were set aside and not sent again."""
    statement = select(func.count()).select_from(SetAside).where(SetAside.replayed_at.is_(None))
    return session.scalar(statement) or 0


def pending_deliveries(session: Session) -> int:
    """How many events are on their way to webhooks."""
    return session.scalar(select(func.count()).select_from(WebhookDelivery).where(_PENDING)) or 0


def webhooks(session: Session) -> Sequence[Any]:
    """(active, failing, how many) of the webhooks."""
    failing = Webhook.failing_since.is_not(None)
    statement = select(Webhook.active, failing.label("failing"), func.count().label("number"))
    return session.execute(statement.group_by(Webhook.active, failing)).all()
