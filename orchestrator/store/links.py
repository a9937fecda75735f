"""Queries over links between samples."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session, joinedload

from orchestrator.domain.caller import Caller
from orchestrator.domain.paging import Found, Page
from orchestrator.domain.vocabulary import LinkType
from orchestrator.store.analyses import readable
from orchestrator.store.paging import paged
from orchestrator.store.samples import readable_submissions
from orchestrator.store.tables import SampleLink, SampleRow, Submission

_SHOWN = (joinedload(SampleLink.customer), joinedload(SampleLink.user))


def add_link(session: Session, row: SampleLink) -> None:
    """Insert, and note when the sample was last linked."""
    session.add(row)
    session.flush()
    session.execute(
        update(SampleRow).where(SampleRow.sha256 == row.sample_sha256).values(last_link_at=row.created_at)
    )


def get_link(session: Session, sha256: str, link_id: UUID) -> SampleLink | None:
    """The sample's link of this id, as it is shown."""
    statement = select(SampleLink).where(SampleLink.id == link_id, SampleLink.sample_sha256 == sha256)
    return session.scalar(statement.options(*_SHOWN))


def may_read(session: Session, caller: Caller, link_id: UUID) -> bool:
    statement = select(SampleLink.id).where(SampleLink.id == link_id, readable(caller, SampleLink))
    return caller.sees_all or session.scalar(statement) is not None


def list_links(session: Session, caller: Caller, sha256: str, page: Page) -> Found[SampleLink]:
    statement = select(SampleLink).where(SampleLink.sample_sha256 == sha256, readable(caller, SampleLink))
    return paged(
        session,
        statement.options(*_SHOWN),
        page,
        {"createdTimestamp": SampleLink.created_at},
        SampleLink.id,
    )


def link_types(session: Session, caller: Caller, sha256: str, limit: int) -> Sequence[LinkType]:
    """The types of the sample's first ``limit`` links, oldest first."""
    statement = (
        select(SampleLink.type)
        .where(SampleLink.sample_sha256 == sha256, readable(caller, SampleLink))
        .order_by(SampleLink.created_at, SampleLink.id)
        .limit(limit)
    )
    return session.scalars(statement).all()


def readable_among(session: Session, caller: Caller, sha256s: Collection[str]) -> set[str]:
    """Those of the samples of which the caller may read a submission."""
    if caller.sees_all or not sha256s:
        return set(sha256s)
    statement = (
        select(Submission.sample_sha256)
        .where(Submission.sample_sha256.in_(sha256s), readable_submissions(caller))
        .distinct()
    )
    return set(session.scalars(statement))
