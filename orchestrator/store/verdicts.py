"""What judging reads and writes, many jobs at a time; the verdicts of a sample."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, bindparam, func, insert, or_, select, update
from sqlalchemy.orm import Session, joinedload

from orchestrator.domain.paging import Found, Page
from orchestrator.domain.verdict import Opinion
from orchestrator.domain.vocabulary import JobState, JobTaskState, LinkType, StatusOverride, SubjectKind
from orchestrator.store.analyses import SHARED
from orchestrator.store.paging import paged
from orchestrator.store.tables import (
    Analysis,
    Job,
    JobTask,
    JobTaskAnalysis,
    SampleLink,
    SampleRow,
    Subject,
    Verdict,
)

_JOB = Job.__table__
_TASK = JobTask.__table__
_ATTACHED = JobTaskAnalysis.__table__
_ANALYSIS = Analysis.__table__
_SAMPLE = SampleRow.__table__
_VERDICT = Verdict.__table__
_LINK = SampleLink.__table__

_OPINION = (
    _ANALYSIS.c.id.label("analysis_id"),
    _ANALYSIS.c.score,
    _ANALYSIS.c.user_agent_name,
    _ANALYSIS.c.user_agent_version,
    _ANALYSIS.c.verdict_status_override,
    _ANALYSIS.c.possible_detections,
    _ANALYSIS.c.tags,
    _ANALYSIS.c.detections,
)

_EVIDENCE_OF_JOBS = (
    select(
        _JOB.c.id.label("job_id"),
        _JOB.c.sample_sha256,
        _JOB.c.root_job_id,
        _TASK.c.id.label("job_task_id"),
        _TASK.c.state,
        *_OPINION,
    )
    .select_from(
        _JOB.outerjoin(_TASK, _TASK.c.job_id == _JOB.c.id)
        .outerjoin(_ATTACHED, _ATTACHED.c.job_task_id == _TASK.c.id)
        .outerjoin(_ANALYSIS, _ANALYSIS.c.id == _ATTACHED.c.analysis_id)
    )
    .where(_JOB.c.id.in_(bindparam("job_ids", expanding=True)), _JOB.c.judged)
    .order_by(_JOB.c.id, _TASK.c.worker, _ATTACHED.c.position)
)

_NEWEST_FIRST = (_ANALYSIS.c.created_at.desc(), _ANALYSIS.c.id.desc())
_PREVIOUS_RANKED = (
    select(
        _JOB.c.id.label("job_id"),
        _TASK.c.worker,
        *_OPINION,
        func.row_number().over(partition_by=_TASK.c.id, order_by=_NEWEST_FIRST).label("age"),
    )
    .select_from(
        _TASK.join(_JOB, _JOB.c.id == _TASK.c.job_id).join(
            _ANALYSIS,
            (_ANALYSIS.c.sample_sha256 == _JOB.c.sample_sha256)
            & (_ANALYSIS.c.user_agent_name == _TASK.c.worker),
        )
    )
    .where(
        _TASK.c.id.in_(bindparam("job_task_ids", expanding=True)),
        or_(_ANALYSIS.c.job_id.is_(None), _ANALYSIS.c.job_id != _JOB.c.id),
        or_(_ANALYSIS.c.customer_id == _JOB.c.customer_id, _ANALYSIS.c.tlp.in_(SHARED)),
    )
    .subquery()
)
_PREVIOUS = (
    select(_PREVIOUS_RANKED)
    .where(_PREVIOUS_RANKED.c.age == 1)
    .order_by(_PREVIOUS_RANKED.c.job_id, _PREVIOUS_RANKED.c.worker)
)

_LOCK_SAMPLES = (
    select(_SAMPLE.c.sha256)
    .where(_SAMPLE.c.sha256.in_(bindparam("sha256s", expanding=True)))
    .order_by(_SAMPLE.c.sha256)
    .with_for_update(key_share=True)
)
_MANUAL = (
    select(_VERDICT.c.sample_sha256, _VERDICT.c.status_override)
    .where(_VERDICT.c.sample_sha256.in_(bindparam("sha256s", expanding=True)), _VERDICT.c.manual)
    .order_by(_VERDICT.c.created_at, _VERDICT.c.id)
)
#: a child's link is the service's own: what clients add says nothing about what is inside
_SERVICE = select(Subject.id).where(
    Subject.short_name == bindparam("service_user"), Subject.kind == SubjectKind.user
)
_CHILD = (_LINK.c.type == LinkType.child) & (_LINK.c.user_id == _SERVICE.scalar_subquery())
_CHILDREN = (
    select(_LINK.c.sample_sha256, _VERDICT.c.score)
    .select_from(
        _LINK.join(_SAMPLE, _SAMPLE.c.sha256 == _LINK.c.reference).join(
            _VERDICT, _VERDICT.c.id == _SAMPLE.c.latest_verdict_id
        )
    )
    .where(
        _LINK.c.sample_sha256.in_(bindparam("sha256s", expanding=True)),
        _LINK.c.reference != _LINK.c.sample_sha256,
        _CHILD,
    )
)
_PARENTS = (
    select(_JOB.c.id)
    .join(_LINK, _LINK.c.sample_sha256 == _JOB.c.sample_sha256)
    .where(
        or_(
            _JOB.c.id.in_(bindparam("root_job_ids", expanding=True)),
            _JOB.c.root_job_id.in_(bindparam("root_job_ids", expanding=True)),
        ),
        _JOB.c.state.in_((JobState.done, JobState.timeout)),
        _LINK.c.reference.in_(bindparam("sha256s", expanding=True)),
        _CHILD,
    )
    .distinct()
)
_LATEST = (
    select(_SAMPLE.c.sha256, _VERDICT.c.score)
    .join(_VERDICT, _VERDICT.c.id == _SAMPLE.c.latest_verdict_id)
    .where(_SAMPLE.c.sha256.in_(bindparam("sha256s", expanding=True)))
)
_SET_LATEST = (
    update(_SAMPLE)
    .where(_SAMPLE.c.sha256 == bindparam("key"))
    .values(latest_verdict_id=bindparam("verdict_id"))
)

_FELL_SHORT = (JobTaskState.failed, JobTaskState.timeout)

_SORTABLE = {
    "createdTimestamp": Verdict.created_at,
    "triggeredDetections": Verdict.triggered_detections,
    "score": Verdict.score,
}
SORT_KEYS = tuple(_SORTABLE)


@dataclass(slots=True)
class JobEvidence:
    """A job to judge: its sample, and the analyses that count."""

    job_id: UUID
    sample_sha256: str
    root_job_id: UUID | None
    opinions: dict[UUID, Opinion] = field(default_factory=dict)


def _opinion(row: Row[*tuple[Any, ...]]) -> Opinion:
    return Opinion(
        id=row.analysis_id,
        score=row.score,
        user_agent_name=row.user_agent_name,
        user_agent_version=row.user_agent_version,
        override=row.verdict_status_override,
        possible_detections=row.possible_detections,
        tags=row.tags,
        detections=row.detections,
    )


def evidence_of_jobs(session: Session, job_ids: Collection[UUID]) -> list[JobEvidence]:
    """For each job, by id, what its verdict is drawn from (contract section 8).

    The analyses of job tasks that succeeded; for those that failed or timed out the worker's previous
    analysis of the sample that the job's customer may read; nothing of those that were cancelled.
    """
    connection = session.connection()
    jobs: dict[UUID, JobEvidence] = {}
    fell_short: set[UUID] = set()
    for row in connection.execute(_EVIDENCE_OF_JOBS, {"job_ids": list(job_ids)}):
        job = jobs.setdefault(row.job_id, JobEvidence(row.job_id, row.sample_sha256, row.root_job_id))
        if row.state == JobTaskState.success and row.analysis_id is not None:
            job.opinions.setdefault(row.analysis_id, _opinion(row))
        elif row.state in _FELL_SHORT:
            fell_short.add(row.job_task_id)
    if fell_short:
        for row in connection.execute(_PREVIOUS, {"job_task_ids": sorted(fell_short)}):
            jobs[row.job_id].opinions.setdefault(row.analysis_id, _opinion(row))
    return list(jobs.values())


def lock_samples(session: Session, sha256s: Collection[str]) -> None:
    """Let writers of these samples' verdicts take turns, in the order of the hashes."""
    session.connection().execute(_LOCK_SAMPLES, {"sha256s": sorted(sha256s)}).all()


def manual_overrides(session: Session, sha256s: Collection[str]) -> dict[str, StatusOverride]:
    """The status of the last manual verdict of each sample that has one."""
    rows = session.connection().execute(_MANUAL, {"sha256s": sorted(sha256s)})
    return {row.sample_sha256: row.status_override for row in rows}


def children_scores(session: Session, sha256s: Collection[str], service_user: str) -> dict[str, list[int]]:
    """The scores of the latest verdicts of the files that the service extracted from each sample."""
    parameters = {"sha256s": sorted(sha256s), "service_user": service_user}
    found: dict[str, list[int]] = {}
    for row in session.connection().execute(_CHILDREN, parameters):
        found.setdefault(row.sample_sha256, []).append(row.score)
    return found


def parent_jobs(
    session: Session, root_job_ids: Collection[UUID], sha256s: Collection[str], service_user: str
) -> set[UUID]:
    """The closed jobs below these roots, the roots included, from whose samples these were extracted."""
    parameters = {
        "root_job_ids": sorted(root_job_ids),
        "sha256s": sorted(sha256s),
        "service_user": service_user,
    }
    return set(session.connection().execute(_PARENTS, parameters).scalars())


def latest_scores(session: Session, sha256s: Collection[str]) -> dict[str, int]:
    """The score of each sample's latest verdict, where it has one."""
    rows = session.connection().execute(_LATEST, {"sha256s": sorted(sha256s)})
    return {row.sha256: row.score for row in rows}


def add_verdicts(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert verdicts; the last one given of each sample becomes its latest."""
    connection = session.connection()
    connection.execute(insert(_VERDICT), list(rows))
    latest = {row["sample_sha256"]: row["id"] for row in rows}
    connection.execute(_SET_LATEST, [{"key": key, "verdict_id": latest[key]} for key in sorted(latest)])


def get_verdict(session: Session, verdict_id: UUID) -> Verdict:
    return session.get_one(Verdict, verdict_id, options=[joinedload(Verdict.user)])


def list_verdicts(session: Session, sha256: str, page: Page) -> Found[Verdict]:
    statement: Select[Verdict] = (
        select(Verdict).where(Verdict.sample_sha256 == sha256).options(joinedload(Verdict.user))
    )
    return paged(session, statement, page, _SORTABLE, Verdict.id)
