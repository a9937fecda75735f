"""Storing what a worker found: analysis, evidence, static facts, classification, extracted children."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from orchestrator.domain.ids import new_id
from orchestrator.domain.transition import NewAnalysis
from orchestrator.domain.vocabulary import Tlp
from orchestrator.services.access import service_user
from orchestrator.store import findings
from orchestrator.store.recording import JobRow
from orchestrator.store.unit_of_work import UnitOfWork

#: job task, its job, what was found
Found = tuple[UUID, JobRow, NewAnalysis]


def store(uow: UnitOfWork, found: Sequence[Found], at: datetime) -> None:
    """Insert everything that these job tasks found, in a few statements; does not commit."""
    session = uow.session
    user_id = service_user(uow).id
    tlps = findings.tlp_of_jobs(session, {job.id for _, job, _ in found})
    analyses = [_analysis(each, tlps.get(each[1].id, Tlp.amber), user_id, at) for each in found]
    findings.add_analyses(session, analyses)
    findings.touch_samples(session, {job.sample_sha256 for _, job, _ in found}, at)
    batches = (
        (findings.add_evidence, _evidence(found, analyses, user_id, at)),
        (findings.add_facts, _facts(found, user_id, at)),
        (findings.add_classifications, _classifications(found, at)),
        (findings.add_samples, _children(found, at)),
        (findings.add_links, _links(found, analyses, user_id, at)),
    )
    for add, rows in batches:
        if rows:
            add(session, rows)


def _analysis(each: Found, tlp: Tlp, user_id: int, at: datetime) -> dict[str, Any]:
    job_task_id, job, found = each
    return {
        "id": new_id(),
        "sample_sha256": job.sample_sha256,
        "job_id": job.id,
        "recorded_for": job_task_id,
        "customer_id": job.customer_id,
        "user_id": user_id,
        "user_agent_name": found.user_agent_name,
        "user_agent_version": found.user_agent_version,
        "score": found.score,
        "result": found.result,
        "tlp": tlp,
        "profile": None,
        "possible_detections": found.possible_detections,
        "detections": [dict(each) for each in found.detections],
        "tags": [dict(each) for each in found.tags],
        "verdict_status_override": found.verdict_status_override,
        "with_internet": found.with_internet,
        "has_evidence": bool(found.evidence),
        "created_at": at,
    }


def _evidence(
    found: Sequence[Found], analyses: Sequence[dict[str, Any]], user_id: int, at: datetime
) -> list[dict[str, Any]]:
    return [
        {
            "id": new_id(),
            "analysis_id": analysis["id"],
            "file_name": each.file_name,
            "mime_type": each.mime_type,
            "size": each.size,
            "checksum": each.checksum,
            "internal": each.internal,
            "potentially_malicious": each.potentially_malicious,
            "user_id": user_id,
            "created_at": at,
        }
        for (_, _, new), analysis in zip(found, analyses, strict=True)
        for each in new.evidence
    ]


def _facts(found: Sequence[Found], user_id: int, at: datetime) -> list[dict[str, Any]]:
    return [
        {
            "id": new_id(),
            "sample_sha256": job.sample_sha256,
            "key": key,
            "value": value,
            "user_id": user_id,
            "user_agent_name": new.user_agent_name,
            "user_agent_version": new.user_agent_version,
            "created_at": at,
        }
        for _, job, new in found
        for key, value in new.facts
    ]


def _classifications(found: Sequence[Found], at: datetime) -> list[dict[str, Any]]:
    return [
        {
            "id": new_id(),
            "sample_sha256": job.sample_sha256,
            "type": new.classification.type,
            "super_type": new.classification.super_type,
            "arch": new.classification.arch,
            "platform": new.classification.platform,
            "version": new.user_agent_version,
            "meta_data": dict(new.classification.meta_data),
            "created_at": at,
        }
        for _, job, new in found
        if new.classification is not None
    ]


def _children(found: Sequence[Found], at: datetime) -> list[dict[str, Any]]:
    return [
        {
            "sha256": child.sha256,
            "sha512": child.sha512,
            "sha1": child.sha1,
            "md5": child.md5,
            "size": child.size,
            "created_at": at,
        }
        for _, _, new in found
        for child in new.children
    ]


def _links(
    found: Sequence[Found], analyses: Sequence[dict[str, Any]], user_id: int, at: datetime
) -> list[dict[str, Any]]:
    return [
        {
            "id": new_id(),
            "sample_sha256": job.sample_sha256,
            "reference": child.sha256,
            "type": child.relation,
            "tlp": analysis["tlp"],
            "customer_id": job.customer_id,
            "user_id": user_id,
            "user_agent_name": new.user_agent_name,
            "user_agent_version": new.user_agent_version,
            "created_at": at,
        }
        for (_, job, new), analysis in zip(found, analyses, strict=True)
        for child in new.children
        # an archive may hold itself
        if child.sha256 != job.sample_sha256
    ]
