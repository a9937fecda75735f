"""What the pages show of many jobs at once.

Every query looks at a window of the newest rows by an index, so that its cost does not grow with the store.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from orchestrator.domain.caller import Caller
from orchestrator.domain.vocabulary import JobState, JobTaskState
from orchestrator.store.jobs import visible
from orchestrator.store.tables import Job, JobTask, JobTaskEvent, Submission, Verdict


def job_of_submission(session: Session, submission_id: UUID) -> UUID | None:
    statement = select(Job.id).where(Job.submission_id == submission_id).order_by(Job.id).limit(1)
    return session.scalar(statement)


def newest_jobs(
    session: Session,
    caller: Caller,
    limit: int,
    state: JobState | None = None,
    before: datetime | None = None,
) -> Sequence[Job]:
    """The newest jobs that the caller may see; ``before``: those enqueued earlier than that."""
    statement = select(Job).options(joinedload(Job.customer))
    if not caller.sees_all:
        statement = statement.where(visible(caller))
    if state is not None:
        statement = statement.where(Job.state == state)
    if before is not None:
        statement = statement.where(Job.enqueued_at < before)
    return session.scalars(statement.order_by(Job.enqueued_at.desc(), Job.id.desc()).limit(limit)).all()


def jobs_of_sample(session: Session, caller: Caller, sha256: str, limit: int) -> Sequence[Job]:
    """The newest jobs over a sample that the caller may see."""
    statement = select(Job).where(Job.sample_sha256 == sha256, visible(caller))
    return session.scalars(statement.order_by(Job.enqueued_at.desc(), Job.id.desc()).limit(limit)).all()


def job_times(session: Session, caller: Caller, since: datetime, limit: int) -> Sequence[Any]:
    """(state, enqueued, started, ended) of the newest jobs since then."""
    statement = select(Job.state, Job.enqueued_at, Job.start_at, Job.end_at).where(Job.enqueued_at >= since)
    if not caller.sees_all:
        statement = statement.where(visible(caller))
    return session.execute(statement.order_by(Job.enqueued_at.desc(), Job.id.desc()).limit(limit)).all()


def endings(session: Session, caller: Caller, limit: int) -> Sequence[Any]:
    """The newest transitions, as (worker, job, target, at, waited ms, ran ms, message, cause)."""
    newest = select(JobTaskEvent).order_by(JobTaskEvent.id.desc()).limit(limit).subquery()
    statement = (
        select(
            JobTask.worker,
            JobTask.job_id,
            newest.c.target,
            newest.c.at,
            newest.c.waited_ms,
            newest.c.ran_ms,
            newest.c.message,
            newest.c.cause,
        )
        .join(JobTask, JobTask.id == newest.c.job_task_id)
        .order_by(newest.c.id.desc())
    )
    if not caller.sees_all:
        statement = statement.join(Job, Job.id == JobTask.job_id).where(visible(caller))
    return session.execute(statement).all()


def verdicts(session: Session, caller: Caller, limit: int) -> Sequence[Any]:
    """(score, at) of the newest verdicts that jobs drew."""
    newest = select(Verdict).order_by(Verdict.id.desc()).limit(limit).subquery()
    statement = select(newest.c.score, newest.c.created_at).order_by(newest.c.id.desc())
    if not caller.sees_all:
        statement = statement.join(Job, Job.id == newest.c.job_id).where(visible(caller))
    return session.execute(statement).all()


def open_job_tasks(session: Session, limit: int) -> dict[tuple[str, JobTaskState], tuple[int, datetime]]:
    """How many job tasks of each worker wait and run, and since when; ``limit`` are counted at most."""
    some = (
        select(JobTask.worker, JobTask.state, JobTask.enqueued_at)
        .where(JobTask.state.in_(("enqueued", "executing")))
        .limit(limit)
        .subquery()
    )
    statement = select(some.c.worker, some.c.state, func.count(), func.min(some.c.enqueued_at))
    rows = session.execute(statement.group_by(some.c.worker, some.c.state))
    return {(worker, state): (count, oldest) for worker, state, count, oldest in rows}


def file_names(session: Session, ids: Sequence[UUID]) -> dict[UUID, str]:
    """The file names of these submissions."""
    if not ids:
        return {}
    rows = session.execute(select(Submission.id, Submission.file_name).where(Submission.id.in_(ids)))
    return {row.id: row.file_name for row in rows}


def scores(session: Session, job_ids: Sequence[UUID]) -> dict[UUID, int]:
    """The score of the verdict that each of the jobs drew last."""
    if not job_ids:
        return {}
    statement = select(Verdict.job_id, Verdict.score).where(Verdict.job_id.in_(job_ids)).order_by(Verdict.id)
    return {row.job_id: row.score for row in session.execute(statement)}
