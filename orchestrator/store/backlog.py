"""The backlog: job tasks whose messages are held back, because enough wait in the broker already.

A job task waits in the lane of its worker, priority and customer, until :func:`release` takes it out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import NamedTuple, Self
from uuid import UUID

from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from orchestrator.domain.messages import JobTaskMessage
from orchestrator.store.tables import JobTask
from orchestrator.store.tables.base import EPOCH

_TASK = JobTask.__table__
# spelled as the partial indexes spell them: no other spelling is sure to use them
_ENQUEUED = text("job_task.state = 'enqueued'")
_HELD = text("job_task.lane IS NOT NULL")
#: Waiting messages that are counted at most.
_COUNTED = 50_000


class Queue(NamedTuple):
    """A queue of the broker: of a worker's live or bulk work."""

    worker: str
    bulk: bool


class Lane(NamedTuple):
    """Where held job tasks of one customer wait."""

    worker: str
    priority: int
    customer_id: int

    def __str__(self) -> str:
        return f"{self.worker}/{self.priority}/{self.customer_id}"

    @classmethod
    def parse(cls, text: str) -> Self:
        worker, priority, customer_id = text.rsplit("/", 2)
        return cls(worker, int(priority), int(customer_id))


def waiting(session: Session, bulk_below: int) -> Counter[Queue]:
    """How many messages wait in each of the broker's queues, as far as the store knows."""
    window = select(_TASK.c.worker, (_TASK.c.priority < bulk_below).label("bulk"))
    sent = window.where(_ENQUEUED, _TASK.c.published_at > EPOCH).limit(_COUNTED).subquery()
    statement = select(sent.c.worker, sent.c.bulk, func.count()).group_by(sent.c.worker, sent.c.bulk)
    return Counter(
        {Queue(worker, bool(bulk)): n for worker, bulk, n in session.connection().execute(statement)}
    )


def lanes(session: Session) -> list[Lane]:
    """The lanes in which something waits, found by one step in the index for each."""
    first = select(func.min(_TASK.c.lane).label("lane")).where(_ENQUEUED, _HELD)
    found = first.cte("found", recursive=True)
    following = select(func.min(_TASK.c.lane)).where(_ENQUEUED, _HELD, _TASK.c.lane > found.c.lane)
    found = found.union_all(select(following.scalar_subquery()).where(found.c.lane.is_not(None)))
    statement = select(found.c.lane).where(found.c.lane.is_not(None))
    return [Lane.parse(each) for each in session.connection().execute(statement).scalars()]


def any_held(session: Session) -> bool:
    """Whether anything waits in a lane."""
    return (
        session.connection().execute(select(_TASK.c.id).where(_ENQUEUED, _HELD).limit(1)).first() is not None
    )


def first_of(session: Session, lane: Lane, number: int) -> list[UUID]:
    """The job tasks that have waited longest in a lane, locked."""
    statement = (
        select(_TASK.c.id)
        .where(_ENQUEUED, _HELD, _TASK.c.lane == str(lane))
        .order_by(_TASK.c.id)
        .limit(number)
        .with_for_update(skip_locked=True)
    )
    return list(session.connection().execute(statement).scalars())


def release(session: Session, ids: Collection[UUID], at: datetime, outbox: UUID) -> list[JobTaskMessage]:
    """Take job tasks out of their lanes; the messages to send of those that still wait."""
    statement = (
        update(_TASK)
        .where(_TASK.c.id.in_(list(ids)), _ENQUEUED, _HELD)
        .values(lane=None, published_at=at)
        .returning(_TASK.c.id, _TASK.c.worker, _TASK.c.attempt, _TASK.c.priority, _TASK.c.job_id)
    )
    rows = session.connection().execute(statement)
    return [JobTaskMessage(row.id, row.worker, row.attempt, row.priority, row.job_id, outbox) for row in rows]


def held(session: Session, most: int) -> Mapping[str, int]:
    """How many job tasks are held back, by worker, counted up to ``most`` in all."""
    some = select(_TASK.c.worker).where(_ENQUEUED, _HELD).limit(most).subquery()
    statement = select(some.c.worker, func.count()).group_by(some.c.worker)
    return {row[0]: row[1] for row in session.connection().execute(statement)}
