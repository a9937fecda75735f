"""What is old and has ended is removed, as the settings say: in batches, each a transaction of its own.

The sweep does so a little in every round, ``assay db prune`` until nothing is left to remove. Safe to run
beside everything else, and twice at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from orchestrator.domain.clock import now
from orchestrator.settings import Settings
from orchestrator.store import deletion
from orchestrator.store import retention as store
from orchestrator.store.blobs import Blobs
from orchestrator.store.tables import AuditEntry, JobTaskEvent, ServiceTask, WebSession
from orchestrator.store.unit_of_work import Begin

#: Rows that one transaction removes: it holds its locks for some milliseconds.
BATCH = 500
#: … and jobs, each of which takes some dozens of other rows along.
JOBS = 50
#: A blob this young may belong to a row that is still being written.
_YOUNG = timedelta(days=1)


@dataclass(slots=True)
class Pruned:
    """How many of each were removed, or would be."""

    jobs: int = 0
    history: int = 0
    audit: int = 0
    service_tasks: int = 0
    sessions: int = 0
    blobs: int = 0

    @property
    def total(self) -> int:
        return sum(getattr(self, each.name) for each in fields(self))


def _remove_of(key: Any) -> Callable[[Any, Any], int]:
    return lambda session, chosen: store.remove(session, key, chosen)


#: Field of :class:`Pruned` → how its rows are chosen, and removed.
_CLASSES: dict[str, tuple[Callable[[datetime, int], Any], Callable[[Any, Any], int]]] = {
    "jobs": (store.old_jobs, store.remove_jobs),
    "history": (store.old_history, _remove_of(JobTaskEvent.id)),
    "audit": (store.old_audit, _remove_of(AuditEntry.id)),
    "service_tasks": (store.old_service_tasks, _remove_of(ServiceTask.id)),
    "sessions": (store.old_sessions, _remove_of(WebSession.digest)),
}


def _moments(settings: Settings) -> dict[str, datetime]:
    """Before which moment each class is removed, those that are kept for ever left out."""
    at = now()
    days = {name: getattr(settings, f"keep_{name}_days", 0) for name in _CLASSES}
    return {"sessions": at, **{name: at - timedelta(days=given) for name, given in days.items() if given}}


def prune(begin: Begin, settings: Settings, *, seconds: float | None = None) -> Pruned:
    """Remove what is old: all of it, or for about so long, and at least a batch of each class."""
    until = None if seconds is None else time.monotonic() + seconds
    pruned = Pruned()
    for name, before in _moments(settings).items():
        choose, remove = _CLASSES[name]
        batch = JOBS if name == "jobs" else BATCH
        removed = batch
        while removed == batch:
            with begin() as uow:
                removed = remove(uow.session, choose(before, batch))
                uow.commit()
            setattr(pruned, name, getattr(pruned, name) + removed)
            if until is not None and time.monotonic() >= until:
                break
    return pruned


def prunable(begin: Begin, settings: Settings) -> Pruned:
    """How much :func:`prune` would remove now."""
    pruned = Pruned()
    with begin(write=False) as uow:
        for name, before in _moments(settings).items():
            choose, _ = _CLASSES[name]
            setattr(pruned, name, store.count(uow.session, choose(before, 2**31 - 1)))
    return pruned


def prune_blobs(begin: Begin, blobs: Blobs, *, dry: bool = False) -> int:
    """Remove bytes that no sample and no evidence has: what crashes and deletions left. How many."""
    every = blobs.every(now() - _YOUNG)
    removed = 0
    for batch in _batches(every):
        with begin(write=False) as uow:
            found = store.unowned(uow.session, batch)
        removed += len(found) if dry else sum(_remove(begin, blobs, each) for each in found)
    return removed


def _remove(begin: Begin, blobs: Blobs, sha256: str) -> bool:
    """Remove one blob, unless somebody has brought it in again meanwhile."""
    with begin() as uow:
        if deletion.lock_if_needed(uow.session, sha256):
            return False
        blobs.delete(sha256)
        return True


def _batches(values: Iterator[str]) -> Iterator[list[str]]:
    while batch := list(islice(values, BATCH)):
        yield batch
