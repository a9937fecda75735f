"""Queries over who is signed in to the pages."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from orchestrator.store.tables import WebSession

#: A sign-in clears away this many expired sessions at most.
_SWEPT = 100


def add_session(session: Session, row: WebSession) -> None:
    session.add(row)
    session.flush()


def find_session(session: Session, digest: str) -> WebSession | None:
    return session.get(WebSession, digest)


def delete_session(session: Session, digest: str) -> None:
    session.execute(delete(WebSession).where(WebSession.digest == digest))


def delete_expired(session: Session, at: datetime) -> None:
    """Forget some of the sessions that nobody can use any more."""
    expired = select(WebSession.digest).where(WebSession.expires_at <= at).limit(_SWEPT)
    session.execute(delete(WebSession).where(WebSession.digest.in_(expired)))
