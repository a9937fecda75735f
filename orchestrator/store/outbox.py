"""The outbox: what a commit has left to send. A row goes once its messages are with the broker."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from orchestrator.domain.messages import JobTaskMessage
from orchestrator.domain.vocabulary import JobTaskState
from orchestrator.store.tables import JobTask, Outbox

_TABLE = Outbox.__table__


def add(session: Session, key: UUID, at: datetime, job_task_ids: Sequence[UUID]) -> None:
    """Note that these job tasks' messages are about to be sent."""
    row = {"id": key, "at": at, "job_tasks": [each.hex for each in job_task_ids]}
    session.connection().execute(insert(_TABLE), row)


def remove(session: Session, keys: Collection[UUID]) -> None:
    """The messages are with the broker."""
    session.connection().execute(delete(_TABLE).where(_TABLE.c.id.in_(list(keys))))


def stale(session: Session, before: datetime, limit: int) -> tuple[list[JobTaskMessage], list[UUID]]:
    """The messages of rows from before a moment, which nobody seems to be sending.

    With them, those of the rows of whose job tasks none waits any more: they are done with.
    """
    connection = session.connection()
    found = connection.execute(
        select(_TABLE.c.id, _TABLE.c.job_tasks)
        .where(_TABLE.c.at <= before)
        .order_by(_TABLE.c.at)
        .limit(limit)
    ).all()
    messages: list[JobTaskMessage] = []
    done: list[UUID] = []
    for key, job_tasks in found:
        statement = select(
            JobTask.id, JobTask.worker, JobTask.attempt, JobTask.priority, JobTask.job_id
        ).where(
            JobTask.id.in_([UUID(each) for each in job_tasks]),
            JobTask.state == JobTaskState.enqueued,
            JobTask.lane.is_(None),
        )
        waiting = [JobTaskMessage(*row, outbox=key) for row in connection.execute(statement)]
        messages += waiting
        if not waiting:
            done.append(key)
        if len(messages) >= limit:
            break
    return messages, done
