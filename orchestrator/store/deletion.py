"""The statements that delete a sample and all that is known of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import CursorResult, delete, exists, select, union_all, update
from sqlalchemy.orm import Session

from orchestrator.domain.lifecycle import OPEN
from orchestrator.domain.vocabulary import JobState
from orchestrator.store.samples import lock_sample
from orchestrator.store.tables import (
    AccessGrant,
    Analysis,
    Challenge,
    Evidence,
    Job,
    JobTask,
    JobTaskAnalysis,
    JobTaskEvent,
    SampleClassification,
    SampleLink,
    SampleRow,
    StaticFact,
    Submission,
    Verdict,
)

_OPEN = sorted(OPEN)
_OPEN_JOB = (JobState.enqueued, JobState.executing)
#: What belongs to a sample directly, those that others refer to last; the names are for progress.
_OWNED = (
    ("analyses", Analysis),
    ("links", SampleLink),
    ("facts", StaticFact),
    ("classifications", SampleClassification),
    ("verdicts", Verdict),
    ("challenges", Challenge),
    ("submissions", Submission),
    ("jobs", Job),
)
_FORGOTTEN = (
    "first_submitted_at",
    "last_submitted_at",
    "first_observed_at",
    "last_observed_at",
    "last_analysis_at",
    "last_link_at",
    "latest_classification_id",
    "latest_verdict_id",
)


def open_job_tasks(session: Session, sha256: str, limit: int) -> Sequence[UUID]:
    """Job tasks over the sample that are not final."""
    statement = (
        select(JobTask.id)
        .join(Job, Job.id == JobTask.job_id)
        .where(Job.sample_sha256 == sha256, JobTask.state.in_(_OPEN))
        .order_by(JobTask.id)
        .limit(limit)
    )
    return session.scalars(statement).all()


def forget_pending(session: Session, sha256: str) -> None:
    """Let no worker wait for the sample's classification any more."""
    session.execute(
        update(Job).where(Job.sample_sha256 == sha256, Job.state.in_(_OPEN_JOB)).values(pending_workers=[])
    )


def lock_jobs(session: Session, sha256: str) -> None:
    statement = select(Job.id).where(Job.sample_sha256 == sha256).order_by(Job.id).with_for_update()
    session.execute(statement).all()


def lock_stored_sample(session: Session, sha256: str) -> bool:
    """Lock the sample until the transaction ends; whether it is one that is not deleted."""
    sample = lock_sample(session, sha256)
    return sample is not None and sample.deleted_at is None


def evidence_checksums(session: Session, sha256: str) -> Sequence[str]:
    statement = (
        select(Evidence.checksum)
        .join(Analysis, Analysis.id == Evidence.analysis_id)
        .where(Analysis.sample_sha256 == sha256)
        .distinct()
    )
    return session.scalars(statement).all()


def remove_all(session: Session, sha256: str, at: datetime) -> dict[str, int]:
    """Remove all that belongs to the sample, mark it as deleted, and say how many rows of each went."""
    analyses = select(Analysis.id).where(Analysis.sample_sha256 == sha256)
    jobs = select(Job.id).where(Job.sample_sha256 == sha256)
    job_tasks = select(JobTask.id).where(JobTask.job_id.in_(jobs))
    shared = union_all(
        analyses,
        select(SampleLink.id).where(SampleLink.sample_sha256 == sha256),
        select(Submission.id).where(Submission.sample_sha256 == sha256),
    ).subquery()
    grants = select(shared.c.id)
    removed: dict[str, int] = {}
    for name, statement in (
        ("grants", delete(AccessGrant).where(AccessGrant.object_id.in_(grants))),
        ("evidence", delete(Evidence).where(Evidence.analysis_id.in_(analyses))),
        ("", delete(JobTaskAnalysis).where(JobTaskAnalysis.analysis_id.in_(analyses))),
        ("", delete(JobTaskAnalysis).where(JobTaskAnalysis.job_task_id.in_(job_tasks))),
        ("", delete(JobTaskEvent).where(JobTaskEvent.job_task_id.in_(job_tasks))),
        ("jobTasks", delete(JobTask).where(JobTask.job_id.in_(jobs))),
        *((name, delete(table).where(table.sample_sha256 == sha256)) for name, table in _OWNED),
    ):
        result = session.execute(statement, execution_options={"synchronize_session": False})
        assert isinstance(result, CursorResult)
        if name:
            removed[name] = result.rowcount
    session.execute(
        update(SampleRow).where(SampleRow.sha256 == sha256).values(deleted_at=at, **dict.fromkeys(_FORGOTTEN))
    )
    return removed


def lock_if_needed(session: Session, sha256: str) -> bool:
    """Whether a sample or a piece of evidence has these bytes; locks the sample, so that it stays so."""
    if lock_stored_sample(session, sha256):
        return True
    return bool(session.scalar(select(exists().where(Evidence.checksum == sha256))))
