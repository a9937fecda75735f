"""Analyses on the wire (contract section 6)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

import orjson
from pydantic import AfterValidator, Field

from orchestrator.api.dependencies import FREE_TEXT, Reference, References
from orchestrator.api.schemas.base import (
    AccessControl,
    AnalysisInfo,
    CustomerInfo,
    JobInfo,
    TlpRequest,
    UserAgent,
    UserAgentRequest,
    UserInfo,
    Wire,
    millis,
)
from orchestrator.domain.vocabulary import StatusOverride
from orchestrator.services.analyses import NewAnalysis, Shown, Summary
from orchestrator.store.tables import Analysis

FreeText = Annotated[str, Field(pattern=FREE_TEXT, max_length=4096)]
TagType = Literal["family", "behaviour", "yara"]
Assessment = Literal["benign", "unknown", "malicious", "informational"]


class Tag(Wire):
    type: TagType
    value: FreeText


class Detection(Wire):
    name: FreeText
    assessment: Assessment


class ShownTag(Wire):
    type: str
    value: str


class ShownDetection(Wire):
    name: str
    assessment: str


def storable(value: Any) -> Any:
    """A JSON value that every store can keep: no NUL or lone surrogate in text, no number beyond 64 bits."""
    try:
        dumped = orjson.dumps(value)
    except orjson.JSONEncodeError as error:
        raise ValueError(f"cannot be kept: {error}") from None
    if b"\\u0000" in dumped and _has_nul(value):
        raise ValueError("must not contain NUL")
    return value


def _has_nul(value: Any) -> bool:
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            waiting += [*part.keys(), *part.values()]
        elif isinstance(part, list):
            waiting += part
        elif isinstance(part, str) and "\x00" in part:
            return True
    return False


class AnalysisRequest(Wire):
    analysis_result: Annotated[Any, AfterValidator(storable)]
    analysis_score: Annotated[int, Field(ge=-1, le=100)]
    customer: Reference
    tlp: TlpRequest
    user_agent: UserAgentRequest
    acl: References | None = None
    executed_with_internet_access: bool | None = None
    possible_detections: Annotated[int, Field(ge=0, lt=2**31)] | None = None
    profile: FreeText | None = None
    tags: list[Tag] | None = None
    triggered_detections: list[Detection] | None = None
    verdict_status_override: StatusOverride | None = None

    def new(self) -> NewAnalysis:
        """The same, in the service's words; a tag that is given twice counts once."""
        tags = {(tag.type, tag.value): tag.model_dump() for tag in self.tags or ()}
        return NewAnalysis(
            result=self.analysis_result,
            score=self.analysis_score,
            customer=self.customer,
            tlp=self.tlp,
            user_agent_name=self.user_agent.name,
            user_agent_version=self.user_agent.version,
            acl=self.acl or (),
            with_internet=bool(self.executed_with_internet_access),
            possible_detections=self.possible_detections,
            profile=self.profile,
            tags=list(tags.values()),
            detections=[each.model_dump() for each in self.triggered_detections or ()],
            verdict_status_override=self.verdict_status_override,
        )


def info_of(row: Analysis) -> AnalysisInfo:
    """The compact form of an analysis."""
    agent = UserAgent(name=row.user_agent_name, version=row.user_agent_version)
    return AnalysisInfo(id=str(row.id), analysis_score=row.score, user_agent=agent)


def tags_of(rows: Iterable[Any]) -> list[ShownTag]:
    """The tags, each once, whatever a worker gave."""
    return list({(row["type"], row["value"]): ShownTag.model_validate(row) for row in rows}.values())


def detections_of(rows: Iterable[Any]) -> list[ShownDetection]:
    return [ShownDetection.model_validate(row) for row in rows]


class AnalysisResponse(Wire):
    analysis_id: str = Field(alias="analysisID")
    sample_sha256: str
    analysis_result: Any
    analysis_score: int
    customer: CustomerInfo
    user_agent: UserAgent
    tlp: str
    acl: list[AccessControl]
    created_by_user: UserInfo
    created_timestamp: int | None
    flags: list[str]
    job: JobInfo | None
    tags: list[ShownTag]
    triggered_detections: list[ShownDetection]
    possible_detections: int | None
    profile: str | None
    verdict_status_override: str | None

    @classmethod
    def of(cls, shown: Shown) -> AnalysisResponse:
        row = shown.analysis
        flags = {"executedWithInternetAccess": row.with_internet, "hasEvidence": row.has_evidence}
        return cls(
            analysis_id=str(row.id),
            sample_sha256=row.sample_sha256,
            analysis_result=row.result,
            analysis_score=row.score,
            customer=CustomerInfo.of(row.customer),
            user_agent=UserAgent(name=row.user_agent_name, version=row.user_agent_version),
            tlp=row.tlp,
            acl=AccessControl.of(shown.grants),
            created_by_user=UserInfo.of(row.user),
            created_timestamp=millis(row.created_at),
            flags=[name for name, given in flags.items() if given],
            job=JobInfo(id=str(row.job.id), state=row.job.state) if row.job else None,
            tags=tags_of(row.tags),
            triggered_detections=detections_of(row.detections),
            possible_detections=row.possible_detections,
            profile=row.profile,
            verdict_status_override=row.verdict_status_override,
        )


class AnalysisSummaryResponse(Wire):
    analysers: list[UserAgent]
    latest_analysis: AnalysisInfo | None

    @classmethod
    def of(cls, summary: Summary) -> AnalysisSummaryResponse:
        return cls(
            analysers=[UserAgent(name=name, version=version) for name, version in summary.user_agents],
            latest_analysis=info_of(summary.latest) if summary.latest else None,
        )
