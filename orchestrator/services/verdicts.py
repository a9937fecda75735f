"""Verdicts: drawn when jobs end, and given by hand (contract section 8)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from orchestrator.domain.caller import Caller
from orchestrator.domain.clock import now
from orchestrator.domain.ids import new_id
from orchestrator.domain.paging import Found, Page
from orchestrator.domain.verdict import Judgement, score_of
from orchestrator.domain.verdict import judge as judge_opinions
from orchestrator.domain.vocabulary import StatusOverride
from orchestrator.services.access import SERVICE_USER
from orchestrator.services.samples import readable, stored
from orchestrator.store import verdicts as store
from orchestrator.store.tables import Verdict
from orchestrator.store.unit_of_work import UnitOfWork
from orchestrator.store.verdicts import SORT_KEYS, JobEvidence

__all__ = ["SORT_KEYS", "add_verdict", "judge", "list_verdicts"]

#: However samples contain one another, verdicts are carried up this many levels.
_MAX_LEVELS = 16


def judge(uow: UnitOfWork, job_ids: Sequence[UUID]) -> None:
    """Draw the verdicts of jobs that have just closed, in a few statements; does not commit.

    Each becomes its sample's latest. Where a job is one over an extracted file, the verdicts of the files
    that it came from, up to the root, are drawn anew if that changes their scores.
    """
    if not job_ids:
        return
    at = now()
    jobs = _judge(uow, job_ids, at)
    for _ in range(_MAX_LEVELS):
        below = [job for job in jobs if job.root_job_id is not None]
        if not below:
            return
        roots = {job.root_job_id for job in below if job.root_job_id is not None}
        samples = {job.sample_sha256 for job in below}
        parents = store.parent_jobs(uow.session, roots, samples, SERVICE_USER)
        jobs = _judge(uow, parents - {job.job_id for job in below}, at, only_changed=True)


def _judge(
    uow: UnitOfWork,
    job_ids: Collection[UUID],
    at: datetime,
    *,
    only_changed: bool = False,
) -> list[JobEvidence]:
    """Add a verdict for each of the jobs, or only where the sample's score changes; return those judged."""
    session = uow.session
    jobs = store.evidence_of_jobs(session, job_ids) if job_ids else []
    if not jobs:
        return []
    samples = {job.sample_sha256 for job in jobs}
    store.lock_samples(session, samples)
    manual = store.manual_overrides(session, samples)
    children = store.children_scores(session, samples, SERVICE_USER)
    before = store.latest_scores(session, samples) if only_changed else {}
    judged, rows = [], []
    for job in jobs:
        judgement = judge_opinions(
            list(job.opinions.values()), manual.get(job.sample_sha256), children.get(job.sample_sha256, ())
        )
        if not only_changed or before.get(job.sample_sha256) != judgement.score:
            judged.append(job)
            rows.append(_row(job, judgement, at))
    if rows:
        store.add_verdicts(session, rows)
    return judged


def _row(job: JobEvidence, judgement: Judgement, at: datetime) -> dict[str, Any]:
    return {
        "id": new_id(),
        "sample_sha256": job.sample_sha256,
        "job_id": job.job_id,
        "score": judgement.score,
        "status_override": judgement.status_override,
        "comment": None,
        "manual": False,
        "contradicting": judgement.contradicting,
        "triggered_detections": judgement.triggered_detections,
        "tags": judgement.tags,
        "analyses": judgement.analyses,
        "user_id": None,
        "created_at": at,
    }


def add_verdict(
    uow: UnitOfWork, caller: Caller, sha256: str, comment: str, override: StatusOverride
) -> Verdict:
    """Give a verdict by hand: the sample's latest, and automatic ones that follow carry its status."""
    stored(uow, caller, sha256)
    store.lock_samples(uow.session, [sha256])
    verdict_id = new_id()
    row = {
        "id": verdict_id,
        "sample_sha256": sha256,
        "job_id": None,
        "score": score_of(override),
        "status_override": override,
        "comment": comment,
        "manual": True,
        "contradicting": False,
        "triggered_detections": 0,
        "tags": [],
        "analyses": [],
        "user_id": caller.user_id,
        "created_at": now(),
    }
    store.add_verdicts(uow.session, [row])
    verdict = store.get_verdict(uow.session, verdict_id)
    uow.commit()
    return verdict


def list_verdicts(uow: UnitOfWork, caller: Caller, sha256: str, page: Page) -> Found[Verdict]:
    """The sample's verdicts, by hand or not."""
    readable(uow, caller, sha256)
    return store.list_verdicts(uow.session, sha256, page)
