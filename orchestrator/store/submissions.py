"""Queries over submissions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload
from sqlalchemy.orm.attributes import set_committed_value

from orchestrator.domain.caller import Caller
from orchestrator.domain.paging import Found, Page
from orchestrator.store import bulk
from orchestrator.store.paging import paged
from orchestrator.store.samples import customers_by_id, readable_submissions
from orchestrator.store.tables import Submission

_SORT = {"submittedTimestamp": Submission.submitted_at}


_NEW = tuple(column.name for column in Submission.__table__.columns)


def add_submissions(session: Session, rows: Sequence[Submission]) -> None:
    """Insert submissions that no session knows, their keyword text included."""
    bulk.insert_many(session.connection(), Submission.__table__, _NEW, rows)


def add_customers(session: Session, rows: Sequence[Submission]) -> None:
    """Give submissions that no session knows their customers."""
    customers = customers_by_id(session, (row.customer_id for row in rows))
    for row in rows:
        set_committed_value(row, "customer", customers[row.customer_id])


def get_submission(session: Session, submission_id: UUID) -> Submission | None:
    shown = [joinedload(Submission.customer)]
    return session.get(Submission, submission_id, options=shown, populate_existing=True)


def is_readable(session: Session, caller: Caller, submission_id: UUID) -> bool:
    statement = select(Submission.id).where(Submission.id == submission_id, readable_submissions(caller))
    return session.scalar(statement) is not None


def submissions_of(session: Session, caller: Caller, sha256: str, page: Page) -> Found[Submission]:
    """Those submissions of a sample that the caller may read."""
    statement = (
        select(Submission)
        .where(Submission.sample_sha256 == sha256, readable_submissions(caller))
        .options(joinedload(Submission.customer))
    )
    return paged(session, statement, page, _SORT, Submission.id)


def latest_readable(session: Session, caller: Caller, sha256: str) -> Submission | None:
    """The newest submission of a sample that the caller may read."""
    statement = (
        select(Submission)
        .where(Submission.sample_sha256 == sha256, readable_submissions(caller))
        .order_by(Submission.submitted_at.desc(), Submission.id.desc())
        .limit(1)
    )
    return session.scalar(statement)


def similar_since(session: Session, like: Submission, since: datetime) -> bool:
    """Whether the same customer submitted the sample under the same name, agent and metadata since then."""
    statement = select(Submission.meta_data).where(
        Submission.sample_sha256 == like.sample_sha256,
        Submission.customer_id == like.customer_id,
        Submission.file_name == like.file_name,
        Submission.user_agent_name == like.user_agent_name,
        Submission.submitted_at >= since,
    )
    return any(meta_data == like.meta_data for meta_data in session.scalars(statement))
