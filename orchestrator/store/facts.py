"""Queries over static facts."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from orchestrator.domain.paging import Found, Page
from orchestrator.store.paging import paged
from orchestrator.store.tables import StaticFact

_SORTABLE = {"key": StaticFact.key, "createdTimestamp": StaticFact.created_at}
SORT_KEYS = tuple(_SORTABLE)


def add_fact(session: Session, row: StaticFact) -> None:
    session.add(row)
    session.flush()


def get_fact(session: Session, fact_id: UUID) -> StaticFact:
    return session.get_one(StaticFact, fact_id, options=[joinedload(StaticFact.user)], populate_existing=True)


def list_facts(session: Session, sha256: str, keys: Sequence[str], page: Page) -> Found[StaticFact]:
    """The sample's facts; with ``keys``, those of any of these keys."""
    statement = select(StaticFact).where(StaticFact.sample_sha256 == sha256)
    if keys:
        statement = statement.where(StaticFact.key.in_(keys))
    return paged(session, statement.options(joinedload(StaticFact.user)), page, _SORTABLE, StaticFact.id)
