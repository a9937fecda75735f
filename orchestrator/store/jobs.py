"""Queries over jobs and job tasks. Their states are written by ``store/recording.py`` alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session, joinedload

from orchestrator.domain.caller import Caller
from orchestrator.domain.paging import Found, Page
from orchestrator.domain.vocabulary import JobState
from orchestrator.store.paging import paged
from orchestrator.store.tables import (
    AccessGrant,
    Analysis,
    Job,
    JobTask,
    JobTaskAnalysis,
    JobTaskEvent,
    SampleRow,
)

JOB_SORT: Mapping[str, Any] = {
    "enqueuedTimestamp": Job.enqueued_at,
    "state": Job.state,
    "startTimestamp": Job.start_at,
    "endTimestamp": Job.end_at,
}
JOB_TASK_SORT: Mapping[str, Any] = {
    "worker": JobTask.worker,
    "state": JobTask.state,
    "enqueuedTimestamp": JobTask.enqueued_at,
    "startTimestamp": JobTask.start_at,
    "endTimestamp": JobTask.end_at,
}
_TIMES: Mapping[str, InstrumentedAttribute[Any]] = {
    "enqueuedTimestamp": Job.enqueued_at,
    "startTimestamp": Job.start_at,
    "endTimestamp": Job.end_at,
}


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs; criteria of different kinds AND together, values of one OR (contract section 1.6)."""

    states: Sequence[JobState] = ()
    customer_ids: Sequence[int] | None = None
    sample_sha256: Sequence[str] = ()
    start: datetime | None = None
    end: datetime | None = None
    time_fields: Sequence[str] = ("all",)
    match_all_times: bool = False


def visible(caller: Caller) -> ColumnElement[bool]:
    """Which jobs the caller may see: its customer's, and those of submissions shared with it."""
    if caller.sees_all:
        return Job.id.is_not(None)
    shared = select(AccessGrant.object_id).where(AccessGrant.subject_id.in_(caller.subject_ids))
    return or_(Job.customer_id == caller.customer_id, Job.submission_id.in_(shared))


def find_jobs(session: Session, caller: Caller, wanted: JobFilter, page: Page) -> Found[Job]:
    statement = select(Job).options(joinedload(Job.customer))
    if not caller.sees_all:
        statement = statement.where(visible(caller))
    if wanted.states:
        statement = statement.where(Job.state.in_(wanted.states))
    if wanted.customer_ids is not None:
        statement = statement.where(Job.customer_id.in_(wanted.customer_ids))
    if wanted.sample_sha256:
        statement = statement.where(Job.sample_sha256.in_(wanted.sample_sha256))
    if wanted.start or wanted.end:
        statement = statement.where(_times(wanted))
    return paged(session, statement, page, JOB_SORT, Job.id)


def _times(wanted: JobFilter) -> ColumnElement[bool]:
    names = list(_TIMES) if "all" in wanted.time_fields else wanted.time_fields
    clauses = []
    for name in names:
        column = _TIMES[name]
        bounds: list[ColumnElement[bool]] = [column.is_not(None)]
        if wanted.start:
            bounds.append(column >= wanted.start)
        if wanted.end:
            bounds.append(column <= wanted.end)
        clauses.append(and_(*bounds))
    return and_(*clauses) if wanted.match_all_times else or_(*clauses)


def get_job(session: Session, job_id: UUID) -> Job | None:
    return session.get(Job, job_id, options=[joinedload(Job.customer)], populate_existing=True)


def lock_job(session: Session, job_id: UUID) -> Job:
    """The job as it is now, locked until the transaction ends: the lock that the recorder takes too."""
    return session.get_one(Job, job_id, with_for_update={"key_share": True}, populate_existing=True)


def is_visible(session: Session, caller: Caller, job: Job) -> bool:
    if caller.sees_all or job.customer_id == caller.customer_id:
        return True
    return session.scalar(select(Job.id).where(Job.id == job.id, visible(caller))) is not None


def get_job_task(session: Session, job_task_id: UUID) -> JobTask | None:
    return session.get(JobTask, job_task_id)


def job_tasks(session: Session, job_id: UUID, page: Page) -> Found[JobTask]:
    statement = select(JobTask).where(JobTask.job_id == job_id)
    return paged(session, statement, page, JOB_TASK_SORT, JobTask.id)


def all_job_tasks(session: Session, job_ids: Sequence[UUID]) -> Sequence[JobTask]:
    return session.scalars(select(JobTask).where(JobTask.job_id.in_(job_ids)).order_by(JobTask.id)).all()


def analyses_of(session: Session, job_task_ids: Iterable[UUID]) -> dict[UUID, list[Analysis]]:
    """The analyses that each job task refers to, in their order."""
    wanted = list(job_task_ids)
    found: dict[UUID, list[Analysis]] = {each: [] for each in wanted}
    if wanted:
        statement = (
            select(JobTaskAnalysis.job_task_id, Analysis)
            .join(Analysis, Analysis.id == JobTaskAnalysis.analysis_id)
            .where(JobTaskAnalysis.job_task_id.in_(wanted))
            .order_by(JobTaskAnalysis.position, Analysis.id)
        )
        for job_task_id, analysis in session.execute(statement):
            found[job_task_id].append(analysis)
    return found


def history(session: Session, job_task_ids: Sequence[UUID]) -> Sequence[JobTaskEvent]:
    """Every transition of these job tasks, oldest first."""
    statement = (
        select(JobTaskEvent).where(JobTaskEvent.job_task_id.in_(job_task_ids)).order_by(JobTaskEvent.id)
    )
    return session.scalars(statement).all()


def sizes_of(session: Session, hashes: Iterable[str]) -> dict[str, int]:
    wanted = list(dict.fromkeys(hashes))
    if not wanted:
        return {}
    rows = session.execute(select(SampleRow.sha256, SampleRow.size).where(SampleRow.sha256.in_(wanted)))
    return {row.sha256: row.size for row in rows}


def existing_analyses(session: Session, sha256: str, ids: Sequence[UUID]) -> set[UUID]:
    """Those of the ids that are analyses of this sample."""
    statement = select(Analysis.id).where(Analysis.id.in_(ids), Analysis.sample_sha256 == sha256)
    return set(session.scalars(statement))


def open_job_tasks(session: Session, most: int) -> int:
    """How many job tasks wait or run, counted up to ``most``."""
    some = select(JobTask.worker).where(JobTask.state.in_(("enqueued", "executing"))).limit(most).subquery()
    return session.scalar(select(func.count()).select_from(some)) or 0
