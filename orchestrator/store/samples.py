"""Queries over samples, challenges and who may see them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, exists, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session, selectinload

from orchestrator.domain.caller import Caller
from orchestrator.store.tables import (
    AccessGrant,
    Challenge,
    Customer,
    SampleClassification,
    SampleRow,
    Submission,
    Verdict,
)


def get_sample(session: Session, sha256: str) -> SampleRow | None:
    return session.get(SampleRow, sha256)


def lock_sample(session: Session, sha256: str) -> SampleRow | None:
    """The row, locked until the transaction ends, so that two writers of its dates take turns."""
    return session.get(SampleRow, sha256, with_for_update=True, populate_existing=True)


def insert_sample(session: Session, values: dict[str, Any]) -> bool:
    """Insert unless the sample is there already; whether it was inserted."""
    dialect = session.get_bind().dialect.name
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    statement = (
        insert(SampleRow)
        .values(**values)
        .on_conflict_do_nothing(index_elements=["sha256"])
        .returning(SampleRow.sha256)
    )
    return session.execute(statement).first() is not None


def readable_submissions(caller: Caller) -> ColumnElement[bool]:
    """Which submissions the caller may read: its customer's, and those shared with it."""
    if caller.sees_all:
        return Submission.id.is_not(None)
    shared = select(AccessGrant.object_id).where(AccessGrant.subject_id.in_(caller.subject_ids))
    return or_(Submission.customer_id == caller.customer_id, Submission.id.in_(shared))


def may_read(session: Session, caller: Caller, sha256: str) -> bool:
    """Whether the caller may read at least one submission of the sample."""
    if caller.sees_all:
        return True
    statement = select(exists().where(Submission.sample_sha256 == sha256, readable_submissions(caller)))
    return bool(session.scalar(statement))


def latest_of(
    session: Session, rows: Sequence[SampleRow]
) -> tuple[dict[UUID, SampleClassification], dict[UUID, Verdict]]:
    """The latest classifications and verdicts of these samples, by their ids."""
    classification_ids = [row.latest_classification_id for row in rows if row.latest_classification_id]
    verdict_ids = [row.latest_verdict_id for row in rows if row.latest_verdict_id]
    classifications: Iterable[SampleClassification] = ()
    verdicts: Iterable[Verdict] = ()
    if classification_ids:
        classifications = session.scalars(
            select(SampleClassification).where(SampleClassification.id.in_(classification_ids))
        )
    if verdict_ids:
        verdicts = session.scalars(
            select(Verdict).where(Verdict.id.in_(verdict_ids)).options(selectinload(Verdict.user))
        )
    return {row.id: row for row in classifications}, {row.id: row for row in verdicts}


def samples_by_sha256(session: Session, hashes: Iterable[str]) -> dict[str, SampleRow]:
    """Those of the samples that are known, by hash."""
    wanted = list(dict.fromkeys(hashes))
    rows = session.scalars(select(SampleRow).where(SampleRow.sha256.in_(wanted))) if wanted else ()
    return {row.sha256: row for row in rows}


def use_challenge(session: Session, challenge_id: UUID, at: datetime) -> Challenge | None:
    """The challenge, marked as used by this call; None where it is unknown, expired or was used before."""
    statement = (
        update(Challenge)
        .where(Challenge.id == challenge_id, Challenge.used_at.is_(None), Challenge.expires_at > at)
        .values(used_at=at)
        .returning(Challenge)
    )
    return session.scalar(statement)


def customers_by_id(session: Session, ids: Iterable[int]) -> dict[int, Customer]:
    wanted = list(dict.fromkeys(ids))
    rows = session.scalars(select(Customer).where(Customer.id.in_(wanted))) if wanted else ()
    return {row.id: row for row in rows}
