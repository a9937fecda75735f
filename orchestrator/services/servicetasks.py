"""Service tasks: asking for maintenance runs of the service itself, and following them (contract 11)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from orchestrator.domain.caller import Caller
from orchestrator.domain.clock import now
from orchestrator.domain.ids import new_id
from orchestrator.domain.messages import Dispatch, ServiceTaskMessage
from orchestrator.domain.paging import Found, Page, SortKey
from orchestrator.domain.vocabulary import ServiceTaskState
from orchestrator.errors import NotFound, Refused
from orchestrator.settings import Settings
from orchestrator.store import access as access_store
from orchestrator.store import maintenance as store
from orchestrator.store.maintenance import OPEN, ServiceTaskFilter
from orchestrator.store.tables import ServiceTask
from orchestrator.store.unit_of_work import Begin, UnitOfWork

#: Whoever carries a service task out is lost when it was not heard for this long.
LEASE = timedelta(seconds=60)
#: The latest messages that a service task keeps.
_KEPT_MESSAGES = 50
_STALE_LIMIT = 100

_FAILED = frozenset({ServiceTaskState.failed, ServiceTaskState.aborted})


@dataclass(frozen=True, slots=True)
class ServiceTaskView:
    """A service task, and how far those above it are."""

    row: ServiceTask
    states: Mapping[UUID, ServiceTaskState]


def start(
    uow: UnitOfWork, caller: Caller | None, operation: str, arguments: Mapping[str, Any]
) -> ServiceTask:
    """A new service task; the caller commits, then dispatches its :func:`message_of`."""
    row = new(operation, arguments, correlation_id=new_id(), created_by_id=caller and caller.user_id)
    uow.session.add(row)
    uow.flush()
    return row


def request(
    uow: UnitOfWork, dispatch: Dispatch, caller: Caller, operation: str, arguments: Mapping[str, Any]
) -> ServiceTask:
    """Start a service task, and send it on its way."""
    row = start(uow, caller, operation, arguments)
    uow.commit()
    dispatch([message_of(row)])
    return row


def message_of(row: ServiceTask) -> ServiceTaskMessage:
    """What tells a worker to carry the service task out."""
    return ServiceTaskMessage(row.id, row.operation)


def new(operation: str, arguments: Mapping[str, Any], **values: Any) -> ServiceTask:
    """A row that waits to be carried out; its own root unless ``values`` say otherwise."""
    key = new_id()
    return ServiceTask(
        id=key,
        operation=operation,
        state=ServiceTaskState.pending,
        arguments=dict(arguments),
        created_at=now(),
        attempt=0,
        cursor={},
        flags=[],
        response_context={},
        response_messages=[],
        **{"root_id": key, **values},
    )


def find(uow: UnitOfWork, wanted: ServiceTaskFilter, limit: int, offset: int) -> Found[ServiceTaskView]:
    """A page of the service tasks that match, the newest first."""
    page = Page(limit, offset, (SortKey("createdTimestamp", descending=True),))
    found = store.find_service_tasks(uow.session, wanted, page)
    return Found(_view(uow, found.items), found.count, page)


def users(uow: UnitOfWork, references: Sequence[str]) -> list[int] | None:
    """The ids of users, by id or short name; None where nobody is named."""
    return access_store.subject_ids(uow.session, references) if references else None


def get(uow: UnitOfWork, service_task_id: UUID) -> ServiceTaskView:
    row = store.get_service_task(uow.session, service_task_id)
    if row is None:
        raise NotFound("service task", service_task_id)
    return _view(uow, [row])[0]


def _view(uow: UnitOfWork, rows: Sequence[ServiceTask]) -> list[ServiceTaskView]:
    above = [each for row in rows for each in (row.parent_id, row.root_id) if each is not None]
    states = store.states_of(uow.session, above)
    return [ServiceTaskView(row, states) for row in rows]


def abort(uow: UnitOfWork, caller: Caller, service_task_id: UUID) -> ServiceTaskView:
    """Call a service task off, and its subtasks; what was done stays. One that has ended is refused."""
    row = store.lock_service_task(uow.session, service_task_id)
    if row is None:
        raise NotFound("service task", service_task_id)
    if row.state not in OPEN:
        raise Refused(f"service task {service_task_id} is {row.state} already")
    for each in (row, *store.lock_subtasks(uow.session, row.id)):
        if each.state in OPEN:
            end(each, ServiceTaskState.aborted, f"aborted by {caller.user}")
    parent_id = row.parent_id
    uow.commit()
    if parent_id is not None:
        settle(uow, parent_id)
        uow.commit()
    return get(uow, service_task_id)


def stale(uow: UnitOfWork, settings: Settings) -> list[ServiceTaskMessage]:
    """What the sweep sends again: open service tasks that wait, stand still or were never sent."""
    at = now()
    return store.unattended(
        uow.session,
        created=at - timedelta(seconds=settings.publish_grace),
        sent=at - LEASE,
        seen=at - LEASE,
        limit=_STALE_LIMIT,
    )


def say(row: ServiceTask, message: str) -> None:
    """Add a message for whoever asked."""
    said = {"message": message, "at": now().isoformat()}
    row.response_messages = [*row.response_messages, said][-_KEPT_MESSAGES:]


def end(row: ServiceTask, state: ServiceTaskState, message: str = "") -> None:
    """Give the service task its last state."""
    row.state, row.finished_at, row.seen_at = state, now(), None
    if message:
        say(row, message)


def settle_above(begin: Begin, parent_id: UUID | None) -> None:
    """:func:`settle` what is above a service task that has ended, in a transaction of its own."""
    if parent_id is not None:
        with begin() as uow:
            settle(uow, parent_id)
            uow.commit()


def settle(uow: UnitOfWork, parent_id: UUID) -> None:
    """End a service task that waits, once none of its subtasks is open.

    Never call it under a subtask's lock: :func:`abort` locks the parent first.
    """
    row = store.lock_service_task(uow.session, parent_id)
    if row is None or row.state is not ServiceTaskState.waiting_for_subtasks:
        return
    states = store.subtask_states(uow.session, parent_id)
    if states.isdisjoint(OPEN):
        failed = bool(states & _FAILED)
        row.flags = [*row.flags, *(["hasFailedSubtasks"] if failed else [])]
        end(row, ServiceTaskState.failed if failed else ServiceTaskState.done)
