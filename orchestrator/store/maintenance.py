"""Queries over service tasks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased, lazyload

from orchestrator.domain.messages import ServiceTaskMessage
from orchestrator.domain.paging import Found, Page
from orchestrator.domain.vocabulary import ServiceTaskState
from orchestrator.store.paging import paged
from orchestrator.store.tables import ServiceTask

OPEN = (ServiceTaskState.pending, ServiceTaskState.running, ServiceTaskState.waiting_for_subtasks)

TIMES: Mapping[str, InstrumentedAttribute[Any]] = {
    "createdTimestamp": ServiceTask.created_at,
    "executionTimestamp": ServiceTask.execution_at,
    "finishedTimestamp": ServiceTask.finished_at,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceTaskFilter:
    """Which service tasks; criteria of different kinds AND together, values of one OR."""

    states: Sequence[ServiceTaskState] = ()
    operations: Sequence[str] = ()
    #: None: whoever asked for it.
    user_ids: Sequence[int] | None = None
    parent_ids: Sequence[UUID] = ()
    root_ids: Sequence[UUID] = ()
    correlation_ids: Sequence[UUID] = ()
    worker_hosts: Sequence[str] = ()
    start: datetime | None = None
    end: datetime | None = None
    time_fields: Sequence[str] = ("all",)
    match_all_times: bool = False


def find_service_tasks(session: Session, wanted: ServiceTaskFilter, page: Page) -> Found[ServiceTask]:
    criteria: Sequence[tuple[InstrumentedAttribute[Any], Sequence[Any]]] = (
        (ServiceTask.state, wanted.states),
        (ServiceTask.operation, wanted.operations),
        (ServiceTask.parent_id, wanted.parent_ids),
        (ServiceTask.root_id, wanted.root_ids),
        (ServiceTask.correlation_id, wanted.correlation_ids),
        (ServiceTask.worker_host, wanted.worker_hosts),
    )
    statement = select(ServiceTask).where(*(column.in_(values) for column, values in criteria if values))
    if wanted.user_ids is not None:
        statement = statement.where(ServiceTask.created_by_id.in_(wanted.user_ids))
    if wanted.start or wanted.end:
        statement = statement.where(_times(wanted))
    return paged(session, statement, page, TIMES, ServiceTask.id)


def _times(wanted: ServiceTaskFilter) -> ColumnElement[bool]:
    names = TIMES if "all" in wanted.time_fields else wanted.time_fields
    clauses = []
    for column in (TIMES[name] for name in names):
        bounds: list[ColumnElement[bool]] = [column.is_not(None)]
        if wanted.start:
            bounds.append(column >= wanted.start)
        if wanted.end:
            bounds.append(column <= wanted.end)
        clauses.append(and_(*bounds))
    return and_(*clauses) if wanted.match_all_times else or_(*clauses)


def get_service_task(session: Session, service_task_id: UUID) -> ServiceTask | None:
    return session.get(ServiceTask, service_task_id, populate_existing=True)


def lock_service_task(session: Session, service_task_id: UUID) -> ServiceTask | None:
    """The row, locked until the transaction ends."""
    statement = (
        select(ServiceTask)
        .where(ServiceTask.id == service_task_id)
        .options(lazyload("*"))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return session.scalar(statement)


def lock_subtasks(session: Session, parent_id: UUID) -> Sequence[ServiceTask]:
    """The subtasks of a service task, locked."""
    statement = (
        select(ServiceTask)
        .where(ServiceTask.parent_id == parent_id)
        .order_by(ServiceTask.id)
        .options(lazyload("*"))
        .with_for_update()
    )
    return session.scalars(statement).all()


def states_of(session: Session, ids: Iterable[UUID]) -> dict[UUID, ServiceTaskState]:
    wanted = list(dict.fromkeys(ids))
    if not wanted:
        return {}
    rows = session.execute(select(ServiceTask.id, ServiceTask.state).where(ServiceTask.id.in_(wanted)))
    return {row.id: row.state for row in rows}


def subtask_states(session: Session, parent_id: UUID) -> set[ServiceTaskState]:
    return set(session.scalars(select(ServiceTask.state).where(ServiceTask.parent_id == parent_id)))


def unattended(
    session: Session, *, created: datetime, sent: datetime, seen: datetime, limit: int
) -> list[ServiceTaskMessage]:
    """Open service tasks that nobody carries out, and for which no message is on its way.

    Those made before ``created``, sent never or before ``sent``; those begun whose worker was not heard
    since ``seen``, or that were laid down; those that wait for subtasks which have all ended.
    """
    subtask = aliased(ServiceTask)
    open_subtasks = select(subtask.id).where(subtask.parent_id == ServiceTask.id, subtask.state.in_(OPEN))
    statement = (
        select(ServiceTask.id, ServiceTask.operation)
        .where(
            or_(
                and_(ServiceTask.state == ServiceTaskState.pending, ServiceTask.created_at <= created),
                and_(
                    ServiceTask.state == ServiceTaskState.running,
                    or_(ServiceTask.seen_at.is_(None), ServiceTask.seen_at <= seen),
                ),
                and_(ServiceTask.state == ServiceTaskState.waiting_for_subtasks, ~open_subtasks.exists()),
            ),
            or_(ServiceTask.published_at.is_(None), ServiceTask.published_at <= sent),
        )
        .order_by(ServiceTask.created_at, ServiceTask.id)
        .limit(limit)
    )
    return [ServiceTaskMessage(*row) for row in session.execute(statement)]
