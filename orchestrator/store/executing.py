"""What worker processes read and write besides transitions: leases, the registry, what to work on."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from orchestrator.domain.paging import Found, Page
from orchestrator.domain.vocabulary import JobTaskState
from orchestrator.store.paging import paged
from orchestrator.store.recording import JobTaskRow, among, is_postgresql
from orchestrator.store.tables import (
    Job,
    JobTask,
    RegisteredWorker,
    SampleClassification,
    SampleRow,
    ServiceTask,
    SetAside,
    Submission,
    WorkerProcess,
)


@dataclass(frozen=True, slots=True)
class Assignment:
    """A claimed job task, and what its worker is told of the sample."""

    job_task_id: UUID
    job_id: UUID
    worker: str
    attempt: int
    sha256: str
    size: int
    md5: str
    sha1: str
    sha512: str
    options: Mapping[str, str]
    file_name: str
    type: str
    super_type: str


_SUBJECTS = (
    select(
        Job.id,
        SampleRow.sha256,
        SampleRow.size,
        SampleRow.md5,
        SampleRow.sha1,
        SampleRow.sha512,
        Job.options,
        Submission.file_name,
        SampleClassification.type,
        SampleClassification.super_type,
    )
    .select_from(Job)
    .join(SampleRow, SampleRow.sha256 == Job.sample_sha256)
    .outerjoin(Submission, Submission.id == Job.submission_id)
    .outerjoin(SampleClassification, SampleClassification.id == SampleRow.latest_classification_id)
)


def assignments(session: Session, job_tasks: Collection[JobTaskRow | JobTask]) -> dict[UUID, Assignment]:
    """What these job tasks are to work on; those of a job that is gone are left out."""
    connection = session.connection()
    statement = _SUBJECTS.where(among(Job.id, postgresql=is_postgresql(connection)))
    rows = connection.execute(statement, {"ids": list({each.job_id for each in job_tasks})})
    subjects: dict[UUID, Sequence[Any]] = {
        row[0]: (*row[1:7], *(each or "" for each in row[7:])) for row in rows
    }
    return {
        each.id: Assignment(each.id, each.job_id, each.worker, each.attempt, *subjects[each.job_id])
        for each in job_tasks
        if each.job_id in subjects
    }


def attempts_executing(session: Session, ids: Collection[UUID]) -> dict[UUID, int]:
    """The attempt of each of these job tasks that still executes."""
    statement = select(JobTask.id, JobTask.attempt).where(
        JobTask.id.in_(list(ids)), JobTask.state == JobTaskState.executing
    )
    return {row.id: row.attempt for row in session.connection().execute(statement)}


def mark_published(session: Session, ids: Sequence[UUID], attempt: int, at: datetime) -> None:
    """Note when job tasks that still wait, in this attempt, were sent."""
    session.connection().execute(
        update(JobTask.__table__)
        .where(
            JobTask.id.in_(list(ids)),
            JobTask.state == JobTaskState.enqueued,
            JobTask.attempt == attempt,
        )
        .values(published_at=at)
    )


def mark_service_published(session: Session, ids: Sequence[UUID], at: datetime) -> None:
    """Note when service tasks that are not at their end were sent."""
    session.connection().execute(
        update(ServiceTask.__table__)
        .where(ServiceTask.id.in_(list(ids)), ServiceTask.finished_at.is_(None))
        .values(published_at=at)
    )


def add_process(session: Session, row: Mapping[str, Any]) -> None:
    """Register a worker process."""
    session.connection().execute(insert(WorkerProcess.__table__), [dict(row)])


def touch_process(session: Session, process_id: UUID, holding: Mapping[str, int], at: datetime) -> None:
    """Renew a process's lease, and note what messages it holds."""
    session.connection().execute(
        update(WorkerProcess.__table__)
        .where(WorkerProcess.id == process_id)
        .values(seen_at=at, stopped_at=None, holding=dict(holding))
    )


def stop_process(session: Session, process_id: UUID, at: datetime) -> None:
    """Give a process's lease back."""
    session.connection().execute(
        update(WorkerProcess.__table__)
        .where(WorkerProcess.id == process_id)
        .values(seen_at=at, stopped_at=at)
    )


def registered(session: Session, short_names: Collection[str]) -> dict[str, RegisteredWorker]:
    """The live registry rows of these analysis workers."""
    statement = select(RegisteredWorker).where(
        RegisteredWorker.short_name.in_(list(short_names)), RegisteredWorker.deleted_at.is_(None)
    )
    return {row.short_name: row for row in session.scalars(statement)}


def add_set_aside(session: Session, row: Mapping[str, Any]) -> None:
    """Keep a message that nobody understands."""
    session.connection().execute(insert(SetAside.__table__), [dict(row)])


def set_aside(session: Session, *, limit: int, replayed: bool = False) -> Sequence[SetAside]:
    """Messages that were set aside, newest first; ``replayed`` adds those that were sent again."""
    statement = select(SetAside).order_by(SetAside.received_at.desc(), SetAside.id.desc()).limit(limit)
    if not replayed:
        statement = statement.where(SetAside.replayed_at.is_(None))
    return session.scalars(statement).all()


def find_set_aside(session: Session, key: UUID) -> SetAside | None:
    return session.get(SetAside, key)


def find_all_set_aside(session: Session, page: Page, *, replayed: bool) -> Found[SetAside]:
    """A page of what was set aside; ``replayed`` adds what was sent again."""
    statement = select(SetAside)
    if not replayed:
        statement = statement.where(SetAside.replayed_at.is_(None))
    return paged(session, statement, page, {"receivedTimestamp": SetAside.received_at}, SetAside.id)
