"""Queries over classifications."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from orchestrator.domain.paging import Found, Page
from orchestrator.domain.vocabulary import JobState
from orchestrator.store.paging import paged
from orchestrator.store.tables import Job, RegisteredWorker, SampleClassification, SampleRow

_SORTABLE = {
    "createdTimestamp": SampleClassification.created_at,
    "version": SampleClassification.version,
    "type": SampleClassification.type,
    "superType": SampleClassification.super_type,
    "arch": SampleClassification.arch,
    "platform": SampleClassification.platform,
}
SORT_KEYS = tuple(_SORTABLE)


def list_classifications(session: Session, sha256: str, page: Page) -> Found[SampleClassification]:
    statement = select(SampleClassification).where(SampleClassification.sample_sha256 == sha256)
    return paged(session, statement, page, _SORTABLE, SampleClassification.id)


def latest(session: Session, sha256: str) -> SampleClassification | None:
    """The classification that the sample's metadata shows."""
    statement = (
        select(SampleClassification)
        .join(SampleRow, SampleRow.latest_classification_id == SampleClassification.id)
        .where(SampleRow.sha256 == sha256)
    )
    return session.scalar(statement)


def classifiers(session: Session) -> list[tuple[str, str]]:
    """Short name and version of each live worker of ours that classifies."""
    statement = (
        select(RegisteredWorker.short_name, RegisteredWorker.version)
        .where(RegisteredWorker.classifies, RegisteredWorker.celery, RegisteredWorker.deleted_at.is_(None))
        .order_by(RegisteredWorker.short_name)
    )
    return [(name, version or "") for name, version in session.execute(statement)]


def is_closed(session: Session, job_id: UUID) -> bool:
    state = session.scalar(select(Job.state).where(Job.id == job_id))
    return state in (JobState.done, JobState.timeout)
