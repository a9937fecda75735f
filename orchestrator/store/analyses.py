"""Queries over analyses."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Select, or_, select, true, update
from sqlalchemy.orm import Session, joinedload

from orchestrator.domain.caller import Caller
from orchestrator.domain.paging import Found, Page
from orchestrator.domain.vocabulary import Tlp
from orchestrator.store.paging import paged
from orchestrator.store.tables import AccessGrant, Analysis, RegisteredWorker, SampleLink, SampleRow

#: What these labels allow to be passed on beyond the own customer (FIRST, TLP 2.0).
SHARED = (Tlp.green, Tlp.clear)


def readable(caller: Caller, kind: type[Analysis | SampleLink]) -> ColumnElement[bool]:
    """Which analyses or links of a sample that the caller may see it may read.

    Its own customer's, those shared with it by an access grant, and those that their TLP lets pass on.
    """
    if caller.sees_all:
        return true()
    granted = select(AccessGrant.object_id).where(AccessGrant.subject_id.in_(caller.subject_ids))
    return or_(kind.customer_id == caller.customer_id, kind.tlp.in_(SHARED), kind.id.in_(granted))


def _readable(caller: Caller, sha256: str) -> Select[Analysis]:
    return select(Analysis).where(Analysis.sample_sha256 == sha256, readable(caller, Analysis))


_SHOWN = (joinedload(Analysis.customer), joinedload(Analysis.user), joinedload(Analysis.job))


def add_analysis(session: Session, row: Analysis) -> None:
    """Insert, and note when the sample was last analysed."""
    session.add(row)
    session.flush()
    touch(session, row.sample_sha256, row.created_at)


def touch(session: Session, sha256: str, at: datetime) -> None:
    session.execute(update(SampleRow).where(SampleRow.sha256 == sha256).values(last_analysis_at=at))


def get_analysis(session: Session, sha256: str, analysis_id: UUID) -> Analysis | None:
    """The sample's analysis of this id, as it is shown."""
    statement = select(Analysis).where(Analysis.id == analysis_id, Analysis.sample_sha256 == sha256)
    return session.scalar(statement.options(*_SHOWN))


def may_read(session: Session, caller: Caller, analysis_id: UUID) -> bool:
    statement = select(Analysis.id).where(Analysis.id == analysis_id, readable(caller, Analysis))
    return caller.sees_all or session.scalar(statement) is not None


def list_analyses(session: Session, caller: Caller, sha256: str, page: Page) -> Found[Analysis]:
    return paged(
        session,
        _readable(caller, sha256).options(*_SHOWN),
        page,
        {"createdTimestamp": Analysis.created_at},
        Analysis.id,
    )


def latest_analysis(session: Session, caller: Caller, sha256: str) -> Analysis | None:
    statement = _readable(caller, sha256).order_by(Analysis.created_at.desc(), Analysis.id.desc()).limit(1)
    return session.scalar(statement)


def user_agents(session: Session, caller: Caller, sha256: str) -> Sequence[tuple[str, str]]:
    """Name and version of each user agent that analysed the sample, once."""
    statement = (
        select(Analysis.user_agent_name, Analysis.user_agent_version)
        .where(Analysis.sample_sha256 == sha256, readable(caller, Analysis))
        .distinct()
        .order_by(Analysis.user_agent_name, Analysis.user_agent_version)
    )
    return [(name, version) for name, version in session.execute(statement)]


def schema_of(session: Session, worker: str) -> object:
    """The JSON schema that the live worker of this short name registered, or None."""
    return session.scalar(
        select(RegisteredWorker.result_schema).where(
            RegisteredWorker.short_name == worker, RegisteredWorker.deleted_at.is_(None)
        )
    )
