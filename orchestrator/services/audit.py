"""The audit log: who changed what, over the API, the pages and the command line.

What comes over HTTP is written in batches, a moment after its answer and beside the request's own
transaction: no call waits for it. What a command does to the store is written in its own transaction.
"""

from __future__ import annotations

import getpass
import threading
from collections import deque
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from orchestrator.domain.caller import Caller
from orchestrator.domain.clock import now
from orchestrator.domain.paging import Found, Page, SortKey
from orchestrator.errors import Unavailable
from orchestrator.store import audit as store
from orchestrator.store.audit import AuditFilter
from orchestrator.store.tables import AuditEntry
from orchestrator.store.unit_of_work import Begin, UnitOfWork

__all__ = ["AuditFilter", "AuditTrail", "find", "note"]

#: How long entries are gathered, and how many are held while the database is away.
_GATHER = 0.25
_HELD = 10_000
#: Paths are as long as whoever calls likes.
_LONGEST = 500

log = structlog.get_logger(__name__)


def _row(user: str, action: str, about: str, **more: Any) -> dict[str, Any]:
    empty: dict[str, Any] = {"detail": {}, "role": None, "key_id": None, "status": None, "request_id": None}
    # PostgreSQL keeps no NUL, and a path may hold one
    shown = about.replace("\x00", "\\0")[:_LONGEST]
    return {"at": now(), "user": user, "action": action, "object": shown, **empty, **more}


def note(uow: UnitOfWork, action: str, about: str, **detail: Any) -> None:
    """Say in the caller's transaction what a command of whoever runs the service does."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = "unknown"
    store.add(uow.session, [_row(f"cli:{user}", action, about, detail=detail)])


def find(uow: UnitOfWork, wanted: AuditFilter, limit: int, offset: int) -> Found[AuditEntry]:
    """A page of the entries that match, the newest first."""
    page = Page(limit, offset, (SortKey("timestamp", descending=True),))
    return store.find(uow.session, wanted, page)


class AuditTrail:
    """Gathers what a serving process is asked to change, and writes it from a thread of its own."""

    def __init__(self, begin: Begin) -> None:
        self._begin = begin
        self._rows: deque[dict[str, Any]] = deque()
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._writing = threading.Lock()
        self._thread: threading.Thread | None = None

    def add(self, caller: Caller, action: str, about: str, status: int, request_id: str) -> None:
        """Remember a call; returns at once."""
        key: UUID | None = caller.key_id
        row = _row(
            caller.user, action, about, role=caller.role, key_id=key, status=status, request_id=request_id
        )
        if len(self._rows) >= _HELD:
            log.error("audit entry lost", action="audit-lost", entry=_told(self._rows.popleft()))
        self._rows.append(row)
        if self._thread is None:
            self._start()
        self._wake.set()

    def _start(self) -> None:
        # made by the first call: the process may have forked before
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._closing.is_set():
            self._wake.wait()
            self._closing.wait(_GATHER)
            self._wake.clear()
            self.flush()

    def flush(self) -> None:
        """Write what was gathered; what cannot be written now stays for the next time."""
        with self._writing:
            rows = list(self._rows)
            if not rows:
                return
            try:
                with self._begin() as uow:
                    store.add(uow.session, rows)
                    uow.commit()
            except Unavailable:
                self._wake.set()
                return
            for _ in rows:
                self._rows.popleft()

    def close(self) -> None:
        """Write what is left; what cannot be written goes to the log."""
        self._closing.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout=10)
        self.flush()
        for row in self._rows:
            log.error("audit entry lost", action="audit-lost", entry=_told(row))


def _told(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()}
