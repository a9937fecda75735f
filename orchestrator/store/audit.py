"""The audit log: written in batches, read by administrators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from orchestrator.domain.paging import Found, Page
from orchestrator.store.paging import paged
from orchestrator.store.tables import AuditEntry


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries are wanted; None: whatever it is."""

    user: str | None = None
    #: Any part of the action, and of the object, as it is spelled.
    action: str | None = None
    object: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def add(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Write entries, each a row's columns by name."""
    session.execute(insert(AuditEntry), list(rows))


def find(session: Session, wanted: AuditFilter, page: Page) -> Found[AuditEntry]:
    """A page of the entries that match."""
    statement = select(AuditEntry)
    if wanted.user is not None:
        statement = statement.where(AuditEntry.user == wanted.user)
    if wanted.action is not None:
        statement = statement.where(AuditEntry.action.contains(wanted.action, autoescape=True))
    if wanted.object is not None:
        statement = statement.where(AuditEntry.object.contains(wanted.object, autoescape=True))
    if wanted.since is not None:
        statement = statement.where(AuditEntry.at >= wanted.since)
    if wanted.until is not None:
        statement = statement.where(AuditEntry.at < wanted.until)
    return paged(session, statement, page, {"timestamp": AuditEntry.at}, AuditEntry.id)
