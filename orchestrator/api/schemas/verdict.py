"""Verdicts on the wire (contract section 8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from orchestrator.api.dependencies import FREE_TEXT
from orchestrator.api.schemas.base import JobInfo, UserAgent, UserInfo, Wire, millis
from orchestrator.domain.vocabulary import StatusOverride
from orchestrator.store.tables import Verdict


class VerdictRequest(Wire):
    comment: Annotated[str, Field(pattern=FREE_TEXT, max_length=4096)]
    status_override: StatusOverride


class VerdictTag(Wire):
    type: str
    value: str
    count: int


class VerdictAnalysisInfo(Wire):
    """What an analysis contributed; without findings it has neither impact nor difference."""

    id: str
    analysis_score: int
    impact: int | None
    difference: int | None
    possible_detections: int | None
    tags: list[dict[str, str]]
    triggered_detections: list[dict[str, str]]
    user_agent: UserAgent

    @classmethod
    def of(cls, used: Mapping[str, Any]) -> VerdictAnalysisInfo:
        return cls(
            id=used["id"],
            analysis_score=used["score"],
            impact=used["impact"],
            difference=used["difference"],
            possible_detections=used["possible_detections"],
            tags=used["tags"],
            triggered_detections=used["detections"],
            user_agent=UserAgent(name=used["user_agent_name"], version=used["user_agent_version"]),
        )


class VerdictResponse(Wire):
    """A judgement over a sample. Of the row, ``user`` must be loaded."""

    sample_sha256: str
    score: int
    status_override: str | None
    comment: str | None
    flags: list[str]
    job: JobInfo | None
    created_timestamp: int | None
    created_by_user: UserInfo | None
    tags: list[VerdictTag]
    analysis: list[VerdictAnalysisInfo]

    @classmethod
    def of(cls, row: Verdict) -> VerdictResponse:
        flags = {"manual": row.manual, "contradictingStatusOverrides": row.contradicting}
        return cls(
            sample_sha256=row.sample_sha256,
            score=row.score,
            status_override=row.status_override,
            comment=row.comment,
            flags=[name for name, given in flags.items() if given],
            job=JobInfo(id=str(row.job.id), state=row.job.state) if row.job else None,
            created_timestamp=millis(row.created_at),
            created_by_user=UserInfo.maybe(row.user),
            tags=[VerdictTag.model_validate(tag) for tag in row.tags],
            analysis=[VerdictAnalysisInfo.of(used) for used in row.analyses],
        )

    @classmethod
    def maybe(cls, row: Verdict | None) -> VerdictResponse | None:
        return None if row is None else cls.of(row)
