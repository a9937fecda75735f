"""Queries over the registry of analysis workers, and over the processes that serve them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session, lazyload

from orchestrator.domain.paging import Found, Page
from orchestrator.store.paging import paged
from orchestrator.store.tables import RegisteredWorker, WorkerProcess

WORKER_SORT: Mapping[str, Any] = {
    "shortName": RegisteredWorker.short_name,
    "createdTimestamp": RegisteredWorker.created_at,
    "lastUpdatedTimestamp": RegisteredWorker.updated_at,
    "deletedTimestamp": RegisteredWorker.deleted_at,
}

_LIVE = RegisteredWorker.deleted_at.is_(None)
#: Without the three users that a worker's row is shown with.
_BARE = lazyload("*")


class Served(NamedTuple):
    """What planning needs of a live worker."""

    id: UUID
    short_name: str
    accepts: list[str]
    celery: bool
    classifies: bool


def live(session: Session) -> list[Served]:
    """Every worker that is not deleted, by name."""
    statement = select(*(getattr(RegisteredWorker, name) for name in Served._fields)).where(_LIVE)
    return [Served(*row) for row in session.execute(statement.order_by(RegisteredWorker.short_name))]


def find_workers(session: Session, page: Page, *, include_deleted: bool = False) -> Found[RegisteredWorker]:
    statement = select(RegisteredWorker)
    if not include_deleted:
        statement = statement.where(_LIVE)
    return paged(session, statement, page, WORKER_SORT, RegisteredWorker.id)


def get_worker(session: Session, worker_id: UUID) -> RegisteredWorker | None:
    """By id, deleted or not."""
    return session.get(RegisteredWorker, worker_id)


def live_worker(session: Session, short_name: str) -> RegisteredWorker | None:
    return session.scalar(select(RegisteredWorker).where(RegisteredWorker.short_name == short_name, _LIVE))


def last_deleted(session: Session, short_name: str) -> RegisteredWorker | None:
    """The worker that gave up this short name last."""
    statement = (
        select(RegisteredWorker)
        .where(RegisteredWorker.short_name == short_name, RegisteredWorker.deleted_at.is_not(None))
        .order_by(RegisteredWorker.deleted_at.desc(), RegisteredWorker.id.desc())
        .limit(1)
    )
    return session.scalar(statement)


def live_by_id(session: Session, ids: Iterable[UUID]) -> dict[UUID, RegisteredWorker]:
    """Those of the workers that are not deleted."""
    wanted = list(dict.fromkeys(ids))
    if not wanted:
        return {}
    statement = select(RegisteredWorker).where(RegisteredWorker.id.in_(wanted), _LIVE).options(_BARE)
    return {row.id: row for row in session.scalars(statement)}


def live_served(session: Session) -> Sequence[RegisteredWorker]:
    """The workers that Celery serves, by name."""
    statement = select(RegisteredWorker).where(_LIVE, RegisteredWorker.celery).options(_BARE)
    return session.scalars(statement.order_by(RegisteredWorker.short_name)).all()


def schemas_of(session: Session, names: Iterable[str]) -> dict[str, Any]:
    """The schemas of the live workers of these short names, of those that have one."""
    columns = (RegisteredWorker.short_name, RegisteredWorker.result_schema)
    rows = session.execute(select(*columns).where(RegisteredWorker.short_name.in_(sorted(names)), _LIVE))
    return {row.short_name: row.result_schema for row in rows if row.result_schema is not None}


def processes_alive(session: Session, since: datetime) -> Sequence[WorkerProcess]:
    """The worker processes heard since then, oldest first."""
    statement = select(WorkerProcess).where(
        WorkerProcess.seen_at >= since, WorkerProcess.stopped_at.is_(None)
    )
    return session.scalars(statement.order_by(WorkerProcess.started_at, WorkerProcess.id)).all()
