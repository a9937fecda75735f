"""Carrying service tasks out, by Celery like everything else (contract section 11).

An operation (``services/operations``) works in steps. A step, the note of how far it came and the sign of
life are one transaction: a crash loses at most one step, no step is done twice, and an abort is honoured
before the next one. :func:`carry_out` works for a moment, then sends itself on, so that no maintenance run
keeps a worker process from other work.
"""

from __future__ import annotations

import time
from datetime import datetime
from uuid import UUID

import structlog

from orchestrator.domain.clock import now
from orchestrator.domain.messages import Dispatch, Message
from orchestrator.domain.vocabulary import ServiceTaskState
from orchestrator.errors import Unavailable
from orchestrator.services.operations import OPERATIONS, Context, Step
from orchestrator.services.servicetasks import (
    LEASE,
    end,
    message_of,
    new,
    request,
    say,
    settle,
    settle_above,
    stale,
    start,
)
from orchestrator.settings import Settings
from orchestrator.store import maintenance as store
from orchestrator.store.blobs import Blobs
from orchestrator.store.maintenance import OPEN
from orchestrator.store.tables import ServiceTask
from orchestrator.store.unit_of_work import Begin, UnitOfWork

__all__ = ["OPERATIONS", "carry_out", "message_of", "request", "stale", "start"]

#: How long :func:`carry_out` works before it sends itself on, in seconds.
SLICE = 2.0

log = structlog.get_logger(__name__)


def carry_out(
    begin: Begin,
    blobs: Blobs,
    dispatch: Dispatch,
    settings: Settings,
    service_task_id: UUID,
    *,
    host: str = "",
) -> None:
    """Carry a service task out, or a part of it; safe to call at any time, for any id, twice at once.

    Raises :class:`~orchestrator.errors.Unavailable` where a store is away: :func:`stale` finds it later.
    """
    seen = _claim(begin, settings, service_task_id, host)
    until = time.monotonic() + SLICE
    while seen is not None:
        try:
            seen, messages = _step(begin, blobs, settings, service_task_id, seen, until)
        except Unavailable:
            raise
        except Exception as error:
            log.exception("service task failed", action="service-task-failed", service_task=service_task_id)
            _fail(begin, service_task_id, f"{type(error).__name__}: {error}")
            return
        dispatch(messages)


def _claim(begin: Begin, settings: Settings, service_task_id: UUID, host: str) -> datetime | None:
    """Take the service task; None where there is nothing to do, or somebody else does it."""
    with begin() as uow:
        row = store.lock_service_task(uow.session, service_task_id)
        if row is None:
            return None
        if row.state is ServiceTaskState.waiting_for_subtasks:
            settle(uow, row.id)
            uow.commit()
            return None
        at = now()
        laid_down = row.seen_at is None or row.seen_at <= at - LEASE
        if row.state not in OPEN or (row.state is ServiceTaskState.running and not laid_down):
            return None
        row.attempt += 1
        parent_id = row.parent_id
        if row.attempt > settings.max_attempts:
            end(row, ServiceTaskState.failed, f"given up: lost {settings.max_attempts} times in a row")
        else:
            row.state, row.seen_at, row.worker_host = ServiceTaskState.running, at, host or None
            row.execution_at = row.execution_at or at
        uow.commit()
        running = row.state is ServiceTaskState.running
    if not running:
        settle_above(begin, parent_id)
    return at if running else None


def _step(
    begin: Begin, blobs: Blobs, settings: Settings, service_task_id: UUID, seen: datetime, until: float
) -> tuple[datetime | None, list[Message]]:
    """Do one step. The next one's sign of life, or None: it ended, rests, or is no longer ours."""
    with begin() as uow:
        row = store.lock_service_task(uow.session, service_task_id)
        if row is None or row.state is not ServiceTaskState.running or row.seen_at != seen:
            return None, []
        context = Context(settings, blobs, row.arguments, row.cursor, row.created_by_id)
        step = OPERATIONS[row.operation](uow, context)
        messages = list(step.messages)
        parent_id = row.parent_id
        _note(row, step)
        if step.subtasks:
            messages += _split(uow, row, step)
        elif step.cursor is None:
            end(row, ServiceTaskState.done)
        elif step.pause or time.monotonic() >= until:
            row.seen_at = row.published_at = None
            messages += [] if step.pause else [message_of(row)]
        going_on = row.seen_at if row.state is ServiceTaskState.running else None
        ended = row.state not in OPEN
        uow.commit()
    if ended:
        settle_above(begin, parent_id)
    return going_on, messages


def _note(row: ServiceTask, step: Step) -> None:
    at = now()
    row.attempt, row.seen_at = 0, at
    row.cursor = dict(step.cursor or {})
    row.response_context = {**row.response_context, **step.progress}
    if step.message:
        say(row, step.message)


def _split(uow: UnitOfWork, row: ServiceTask, step: Step) -> list[Message]:
    """Make the subtasks that the service task then waits for."""
    subtasks = [
        new(
            operation,
            arguments,
            correlation_id=row.correlation_id,
            created_by_id=row.created_by_id,
            parent_id=row.id,
            root_id=row.root_id,
        )
        for operation, arguments in step.subtasks
    ]
    row.state, row.flags, row.seen_at = ServiceTaskState.waiting_for_subtasks, ["hasSubtasks"], None
    uow.session.add_all(subtasks)
    uow.flush()
    return [message_of(each) for each in subtasks]


def _fail(begin: Begin, service_task_id: UUID, message: str) -> None:
    with begin() as uow:
        row = store.lock_service_task(uow.session, service_task_id)
        if row is None or row.state not in OPEN:
            return
        parent_id = row.parent_id
        end(row, ServiceTaskState.failed, message)
        uow.commit()
    settle_above(begin, parent_id)
