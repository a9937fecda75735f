"""The statements that make anew what was derived from rows: keyword text, moments, latest ids."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Subquery, and_, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session, undefer

from orchestrator.domain.lifecycle import OPEN
from orchestrator.store.tables import (
    Analysis,
    JobTask,
    SampleClassification,
    SampleLink,
    SampleRow,
    StaticFact,
    Submission,
    Verdict,
)

#: What belongs to a sample and has keyword text of its own.
_PARTS = (Analysis, SampleLink, StaticFact, SampleClassification, Verdict)

Statement = TypeVar("Statement", bound=Select[Any])
AnyRow = TypeVar("AnyRow", SampleRow, Submission)


@dataclass(frozen=True, slots=True)
class Window:
    """Rows from ``start`` to ``end``, inclusive, oldest first or, ``reversed``, newest first."""

    start: datetime | None = None
    end: datetime | None = None
    reversed: bool = False
    #: Only these samples.
    sha256: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a batch ended: the moment and the key of its last row."""

    at: datetime
    key: str | UUID


@dataclass(frozen=True, slots=True)
class Batch(Generic[AnyRow]):
    """Some rows, how many were passed to get them, and where the last of these is; None: there is no more."""

    rows: Sequence[AnyRow]
    passed: int
    end: Place | None


def count_samples(session: Session, window: Window) -> int:
    return session.scalar(_samples(window).with_only_columns(func.count())) or 0


def count_submissions(session: Session, window: Window) -> int:
    statement = select(func.count(Submission.id)).where(*_within(Submission.submitted_at, window))
    return session.scalar(statement) or 0


def sample_batch(session: Session, window: Window, after: Place | None, limit: int) -> Batch[SampleRow]:
    """The next stored samples, locked in the order of their hashes."""
    statement = _next(_samples(window), SampleRow.created_at, SampleRow.sha256, window, after).limit(limit)
    places = session.execute(statement.with_only_columns(SampleRow.created_at, SampleRow.sha256)).all()
    locked = (
        select(SampleRow)
        .where(SampleRow.sha256.in_([place.sha256 for place in places]), SampleRow.deleted_at.is_(None))
        .order_by(SampleRow.sha256)
        .options(undefer(SampleRow.search))
        .with_for_update(key_share=True)
    )
    rows = session.scalars(locked).all()
    return Batch(rows, len(places), Place(*places[-1]) if places else None)


def submission_batch(session: Session, window: Window, after: Place | None, limit: int) -> Batch[Submission]:
    """The next submissions."""
    statement = select(Submission).where(*_within(Submission.submitted_at, window))
    statement = _next(statement, Submission.submitted_at, Submission.id, window, after)
    rows = session.scalars(statement.options(undefer(Submission.search)).limit(limit)).all()
    return Batch(rows, len(rows), Place(rows[-1].submitted_at, rows[-1].id) if rows else None)


def _samples(window: Window) -> Select[Any]:
    statement = select(SampleRow).where(
        SampleRow.deleted_at.is_(None), *_within(SampleRow.created_at, window)
    )
    if window.sha256 is not None:
        statement = statement.where(SampleRow.sha256.in_(window.sha256))
    return statement


def _within(column: InstrumentedAttribute[datetime], window: Window) -> list[ColumnElement[bool]]:
    bounds: list[ColumnElement[bool]] = []
    if window.start:
        bounds.append(column >= window.start)
    if window.end:
        bounds.append(column <= window.end)
    return bounds


def _next(
    statement: Statement,
    at: InstrumentedAttribute[datetime],
    key: InstrumentedAttribute[Any],
    window: Window,
    after: Place | None,
) -> Statement:
    """Go on behind a place, by the index over both columns, however far in it is."""
    if after is not None:
        if window.reversed:
            beyond = or_(at < after.at, and_(at == after.at, key < after.key))
        else:
            beyond = or_(at > after.at, and_(at == after.at, key > after.key))
        statement = statement.where(beyond)
    if window.reversed:
        return statement.order_by(at.desc(), key.desc())
    return statement.order_by(at, key)


def renew_text(rows: Iterable[Any]) -> None:
    """Make the keyword text of rows anew; what has not changed is not written."""
    for row in rows:
        text = row.keyword_text(lambda name, row=row: getattr(row, name))
        if row.search != text:
            row.search = text


def parts_of(session: Session, sha256s: Sequence[str]) -> Iterable[Any]:
    """Everything with keyword text that belongs to these samples, submissions aside."""
    for table in _PARTS:
        statement = select(table).where(table.sample_sha256.in_(sha256s)).options(undefer(table.search))
        yield from session.scalars(statement)


def latest_ids(
    session: Session, table: type[SampleClassification | Verdict], sha256s: Sequence[str]
) -> dict[str, UUID]:
    """The id of the newest row of each sample."""
    ranked = _ranked(table, table.created_at, sha256s)
    statement = select(ranked.c.sample_sha256, ranked.c.id).where(ranked.c.age == 1)
    return {row.sample_sha256: row.id for row in session.execute(statement)}


def _ranked(table: Any, at: InstrumentedAttribute[datetime], sha256s: Sequence[str]) -> Subquery:
    """The rows of samples, each with its place in the order of age, from 1 for the newest."""
    newest_first = (at.desc(), table.id.desc())
    age = func.row_number().over(partition_by=table.sample_sha256, order_by=newest_first)
    statement = select(table.sample_sha256, table.id, age.label("age"))
    return statement.where(table.sample_sha256.in_(sha256s)).subquery()


def latest_moments(
    session: Session, table: type[Analysis | SampleLink], sha256s: Sequence[str]
) -> dict[str, datetime]:
    """When the newest row of each sample was made."""
    statement = (
        select(table.sample_sha256, func.max(table.created_at).label("at"))
        .where(table.sample_sha256.in_(sha256s))
        .group_by(table.sample_sha256)
    )
    return {row.sample_sha256: row.at for row in session.execute(statement)}


def observations(session: Session, sha256s: Sequence[str]) -> Mapping[str, Any]:
    """First and last moments of each sample's submissions."""
    statement = (
        select(
            Submission.sample_sha256,
            func.min(Submission.submitted_at).label("first_submitted_at"),
            func.max(Submission.submitted_at).label("last_submitted_at"),
            func.min(Submission.observed_at).label("first_observed_at"),
            func.max(Submission.observed_at).label("last_observed_at"),
        )
        .where(Submission.sample_sha256.in_(sha256s))
        .group_by(Submission.sample_sha256)
    )
    return {row.sample_sha256: row for row in session.execute(statement)}


def latest_submissions(session: Session, sha256s: Sequence[str]) -> dict[str, Submission]:
    """The newest submission of each sample, whoever's."""
    ranked = _ranked(Submission, Submission.submitted_at, sha256s)
    statement = select(Submission).join(ranked, ranked.c.id == Submission.id).where(ranked.c.age == 1)
    return {row.sample_sha256: row for row in session.scalars(statement)}


def open_bulk(session: Session) -> int:
    """How many job tasks of bulk work wait or run."""
    statement = select(func.count()).where(JobTask.state.in_(sorted(OPEN)), JobTask.priority == 0)
    return session.scalar(statement) or 0
