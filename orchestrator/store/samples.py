"""Queries over samples, challenges and who may see them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from sqlalchemy import ColumnElement, exists, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session, selectinload

from orchestrator.domain.caller import Caller
from orchestrator.store import bulk
from orchestrator.store.tables import (
    AccessGrant,
    Challenge,
    Customer,
    SampleClassification,
    SampleRow,
    Submission,
    Verdict,
)

_CHALLENGE = tuple(column.name for column in Challenge.__table__.columns)


def get_sample(session: Session, sha256: str) -> SampleRow | None:
    return session.get(SampleRow, sha256)


def lock_sample(session: Session, sha256: str) -> SampleRow | None:
    """The row, locked until the transaction ends, so that two writers of its dates take turns."""
    return session.get(SampleRow, sha256, with_for_update=True, populate_existing=True)


class NewSample(Protocol):
    """What a sample's row is made of."""

    @property
    def sha256(self) -> str: ...
    @property
    def sha512(self) -> str: ...
    @property
    def sha1(self) -> str: ...
    @property
    def md5(self) -> str: ...
    @property
    def size(self) -> int: ...


def insert_samples(session: Session, samples: Iterable[NewSample], at: datetime) -> set[str]:
    """Make the rows of samples that have none, and revive deleted ones; the hashes of these."""
    connection = session.connection()
    # in the order of the hashes, as locks are taken
    new = {each.sha256: each for each in sorted(samples, key=lambda each: each.sha256)}
    upsert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = (
        upsert(SampleRow.__table__)
        .on_conflict_do_update(
            index_elements=["sha256"],
            set_={"deleted_at": None, "created_at": at},
            where=SampleRow.deleted_at.is_not(None),
        )
        .returning(SampleRow.sha256)
    )
    rows = [_values(each, at) for each in new.values()]
    return set(connection.execute(statement, rows).scalars())


def _values(new: NewSample, at: datetime) -> dict[str, Any]:
    values = {name: getattr(new, name) for name in ("sha256", "sha512", "sha1", "md5", "size")}
    return {**values, "created_at": at, "search": SampleRow.keyword_text(values.get)}


def add_challenges(session: Session, rows: Sequence[Challenge]) -> None:
    """Insert challenges that no session knows."""
    bulk.insert_many(session.connection(), Challenge.__table__, _CHALLENGE, rows)


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


class Token(NamedTuple):
    """A challenge that can still be answered."""

    id: UUID
    sample_sha256: str
    user_id: int
    answer: str


def lock_tokens(session: Session, ids: Collection[UUID], at: datetime) -> dict[UUID, Token]:
    """Those of the challenges that are neither used nor expired, until the transaction ends ours."""
    statement = (
        select(*(getattr(Challenge, name) for name in Token._fields))
        .where(Challenge.id.in_(list(ids)), Challenge.used_at.is_(None), Challenge.expires_at > at)
        .order_by(Challenge.id)
        .with_for_update()
    )
    return {row.id: Token(*row) for row in session.connection().execute(statement)}


def use_tokens(session: Session, ids: Collection[UUID], at: datetime) -> None:
    """Mark challenges as used."""
    table = Challenge.__table__
    session.connection().execute(update(table).where(table.c.id.in_(list(ids))).values(used_at=at))


@dataclass(slots=True)
class LockedSample:
    """A sample under its lock, with the moments of its submissions."""

    sha256: str
    deleted_at: datetime | None
    latest_classification_id: UUID | None
    first_submitted_at: datetime | None
    last_submitted_at: datetime | None
    first_observed_at: datetime | None
    last_observed_at: datetime | None

    def widen(self, submitted_at: datetime, observed_at: datetime) -> None:
        """Let the first and last moments hold this submission's."""
        self.first_submitted_at = min(self.first_submitted_at or submitted_at, submitted_at)
        self.last_submitted_at = max(self.last_submitted_at or submitted_at, submitted_at)
        self.first_observed_at = min(self.first_observed_at or observed_at, observed_at)
        self.last_observed_at = max(self.last_observed_at or observed_at, observed_at)


_LOCKED = tuple(each.name for each in fields(LockedSample))
_MOMENTS = _LOCKED[3:]


def lock_samples(session: Session, hashes: Collection[str]) -> dict[str, LockedSample]:
    """Those of the samples that are known, locked in the order of their hashes."""
    statement = (
        select(*(getattr(SampleRow, name) for name in _LOCKED))
        .where(SampleRow.sha256.in_(list(hashes)))
        .order_by(SampleRow.sha256)
        .with_for_update(key_share=True)
    )
    return {row.sha256: LockedSample(*row) for row in session.connection().execute(statement)}


def write_moments(session: Session, samples: Iterable[LockedSample]) -> None:
    """Write the moments of locked samples."""
    bulk.update_many(session.connection(), SampleRow.__table__, "sha256", _MOMENTS, list(samples))


def customers_by_id(session: Session, ids: Iterable[int]) -> dict[int, Customer]:
    wanted = list(dict.fromkeys(ids))
    rows = session.scalars(select(Customer).where(Customer.id.in_(wanted))) if wanted else ()
    return {row.id: row for row in rows}
