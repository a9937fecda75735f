"""Queries over evidence."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session, joinedload

from orchestrator.domain.paging import Found, Page
from orchestrator.store.paging import paged
from orchestrator.store.tables import Analysis, Evidence


def add_evidence(session: Session, row: Evidence) -> None:
    """Insert, and note at the analysis that it has evidence."""
    session.add(row)
    session.flush()
    session.execute(update(Analysis).where(Analysis.id == row.analysis_id).values(has_evidence=True))


def get_evidence(session: Session, analysis_id: UUID, evidence_id: UUID) -> Evidence | None:
    statement = select(Evidence).where(Evidence.id == evidence_id, Evidence.analysis_id == analysis_id)
    return session.scalar(statement.options(joinedload(Evidence.user)))


def list_evidence(session: Session, analysis_id: UUID, page: Page, *, internal: bool) -> Found[Evidence]:
    """The analysis' evidence, that marked ``internal`` only if asked for."""
    statement = select(Evidence).where(Evidence.analysis_id == analysis_id)
    if not internal:
        statement = statement.where(Evidence.internal.is_(False))
    return paged(
        session,
        statement.options(joinedload(Evidence.user)),
        page,
        {"createdTimestamp": Evidence.created_at},
        Evidence.id,
    )
