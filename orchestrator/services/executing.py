"""What a worker process needs besides recording: its lease, its announcement, its assignments."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from orchestrator.domain.clock import now
from orchestrator.domain.ids import new_id
from orchestrator.errors import NotFound
from orchestrator.store import executing as store
from orchestrator.store.executing import Assignment
from orchestrator.store.policies import lock_policy
from orchestrator.store.recording import JobTaskRow
from orchestrator.store.tables import JobTask, RegisteredWorker, SetAside
from orchestrator.store.unit_of_work import UnitOfWork
from orchestrator.worker import AnalysisWorker

__all__ = ["Assignment", "Process", "announce", "assignments", "heartbeat", "keep_message", "start", "stop"]


@dataclass(frozen=True, slots=True)
class Process:
    """A worker process: who executes."""

    id: UUID
    host: str
    pid: int
    version: str

    @property
    def name(self) -> str:
        """As the history shows it."""
        return f"{self.host}:{self.pid}"


def start(uow: UnitOfWork, process: Process, workers: Iterable[AnalysisWorker]) -> None:
    """Take out the process's lease."""
    at = now()
    store.add_process(
        uow.session,
        {
            "id": process.id,
            "host": process.host,
            "pid": process.pid,
            "version": process.version,
            "workers": {each.name: each.version for each in workers},
            "holding": {},
            "started_at": at,
            "seen_at": at,
            "stopped_at": None,
        },
    )
    uow.commit()


def stop(uow: UnitOfWork, process: Process) -> None:
    """Give the lease back: what the process leaves behind need not wait until it runs out."""
    store.stop_process(uow.session, process.id, now())
    uow.commit()


def heartbeat(uow: UnitOfWork, process: Process, holding: Mapping[str, int]) -> None:
    """Renew the lease, and say how many messages of each analysis worker wait in the process."""
    store.touch_process(uow.session, process.id, holding, now())
    uow.commit()


def called_off(uow: UnitOfWork, running: Mapping[UUID, int]) -> set[UUID]:
    """Those of the running job tasks whose attempt no longer executes: cancelled, timed out or taken over."""
    executing = store.attempts_executing(uow.session, running.keys())
    return {key for key, attempt in running.items() if executing.get(key) != attempt}


def assignments(uow: UnitOfWork, job_tasks: Collection[JobTaskRow | JobTask]) -> dict[UUID, Assignment]:
    """What job tasks are to work on."""
    return store.assignments(uow.session, job_tasks)


def announce(uow: UnitOfWork, workers: Sequence[AnalysisWorker]) -> None:
    """Register the analysis workers that Celery serves here, or refresh what the registry says of them.

    Names and descriptions that an administrator gave stay. Processes that start at once take turns.
    """
    lock_policy(uow.session)
    known = store.registered(uow.session, [each.name for each in workers])
    for worker in workers:
        row = known.get(worker.name)
        if row is None:
            row = RegisteredWorker(
                id=new_id(),
                short_name=worker.name,
                localized_names={"english": worker.name},
                localized_descriptions={"english": worker.description},
                created_at=now(),
            )
            uow.session.add(row)
        fresh = {
            "version": worker.version,
            "accepts": sorted(worker.accepts),
            "classifies": worker.classifies,
            "celery": True,
            "seconds": worker.limits.seconds,
            "result_schema": worker.schema,
        }
        for name, value in fresh.items():
            if getattr(row, name) != value:
                setattr(row, name, value)
    uow.commit()


def keep_message(
    uow: UnitOfWork,
    *,
    queue: str,
    reason: str,
    body: bytes,
    content_type: str = "",
    headers: Mapping[str, Any] | None = None,
) -> UUID:
    """Set a message aside that no worker makes sense of."""
    key = new_id()
    store.add_set_aside(
        uow.session,
        {
            "id": key,
            "queue": queue,
            "reason": reason,
            "content_type": content_type,
            "headers": {str(name): _plain(value) for name, value in (headers or {}).items()},
            "body": body,
            "received_at": now(),
            "replayed_at": None,
        },
    )
    uow.commit()
    return key


def _plain(value: Any) -> Any:
    """What JSON can say of a header: the message may be sent again with it."""
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value if value is None or isinstance(value, bool | float | str) or _fits(value) else str(value)


def _fits(value: Any) -> bool:
    return isinstance(value, int) and abs(value) < 2**63


def kept_messages(uow: UnitOfWork, *, limit: int = 100, replayed: bool = False) -> Sequence[SetAside]:
    """What was set aside, newest first."""
    return store.set_aside(uow.session, limit=limit, replayed=replayed)


def kept_message(uow: UnitOfWork, key: UUID) -> SetAside:
    """One message that was set aside."""
    row = store.find_set_aside(uow.session, key)
    if row is None:
        raise NotFound("message", key)
    return row


def replayed(uow: UnitOfWork, key: UUID, at: datetime) -> None:
    """Note that a message was sent again."""
    kept_message(uow, key).replayed_at = at
    uow.commit()
