"""The statements that store what a worker found, many job tasks at a time."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Table, func, insert, or_, select, update
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.orm import Session

from orchestrator.domain.vocabulary import Tlp
from orchestrator.store.tables import (
    Analysis,
    Evidence,
    Job,
    JobTaskAnalysis,
    SampleClassification,
    SampleLink,
    SampleRow,
    StaticFact,
    Submission,
)


def tlp_of_jobs(session: Session, job_ids: Collection[UUID]) -> dict[UUID, Tlp]:
    """The TLP of each job's submission; jobs without one are left out."""
    statement = (
        select(Job.id, Submission.tlp)
        .join(Submission, Submission.id == Job.submission_id)
        .where(Job.id.in_(job_ids))
    )
    return {row.id: row.tlp for row in session.connection().execute(statement)}


def add_analyses(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert analyses, each attached to the job task that it is recorded for."""
    connection = session.connection()
    connection.execute(insert(Analysis.__table__), list(rows))
    connection.execute(
        insert(JobTaskAnalysis.__table__),
        [{"job_task_id": row["recorded_for"], "analysis_id": row["id"], "position": 0} for row in rows],
    )


def touch_samples(session: Session, sha256s: Collection[str], at: datetime) -> None:
    """Note when these samples were last analysed."""
    session.connection().execute(
        update(SampleRow.__table__).where(SampleRow.sha256.in_(sorted(sha256s))).values(last_analysis_at=at)
    )


def add_evidence(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    session.connection().execute(insert(Evidence.__table__), list(rows))


def add_facts(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert static facts, leaving out those that the sample has already."""
    connection = session.connection()
    samples = sorted({row["sample_sha256"] for row in rows})
    statement = select(StaticFact.sample_sha256, StaticFact.key, StaticFact.value).where(
        StaticFact.sample_sha256.in_(samples)
    )
    known = {tuple(each) for each in connection.execute(statement)}
    fresh: dict[tuple[str, str, str], Mapping[str, Any]] = {}
    for row in rows:
        key = (row["sample_sha256"], row["key"], row["value"])
        if key not in known:
            fresh.setdefault(key, row)
    if fresh:
        connection.execute(insert(StaticFact.__table__), list(fresh.values()))


def add_classifications(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Append classifications; each becomes its sample's latest."""
    connection = session.connection()
    connection.execute(insert(SampleClassification.__table__), list(rows))
    for row in rows:
        connection.execute(
            update(SampleRow.__table__)
            .where(SampleRow.sha256 == row["sample_sha256"])
            .values(latest_classification_id=row["id"])
        )


def add_samples(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert samples that are new, in the order of their hashes so that two writers cannot deadlock."""
    _insert_new(session, SampleRow.__table__, sorted(rows, key=lambda row: row["sha256"]))


def sample(session: Session, sha256: str) -> SampleRow:
    """A sample that exists."""
    return session.get_one(SampleRow, sha256)


def samples_under(session: Session, root_job_ids: Collection[UUID]) -> set[tuple[UUID, str]]:
    """The samples that have a job under each of these root jobs, those of the roots included."""
    statement = select(func.coalesce(Job.root_job_id, Job.id), Job.sample_sha256).where(
        or_(Job.id.in_(list(root_job_ids)), Job.root_job_id.in_(list(root_job_ids)))
    )
    return {(row[0], row[1]) for row in session.connection().execute(statement)}


def add_links(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    session.connection().execute(insert(SampleLink.__table__), list(rows))


def _insert_new(session: Session, table: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    connection = session.connection()
    make = insert_postgresql if connection.dialect.name == "postgresql" else insert_sqlite
    connection.execute(make(_table(table)).on_conflict_do_nothing(), list(rows))


def _table(table: Any) -> Table:
    assert isinstance(table, Table)
    return table
