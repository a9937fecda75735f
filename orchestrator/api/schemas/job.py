"""Jobs and job tasks on the wire (contract sections 2 and 3)."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field

from orchestrator.api.dependencies import SHA256, SHORT_NAME, Ids, Moment, References, as_list
from orchestrator.api.schemas.base import (
    AnalysisInfo,
    CustomerInfo,
    SampleInfo,
    UserAgent,
    Whole,
    Wire,
    millis,
    no_nul,
)
from orchestrator.api.schemas.remote import RunReport
from orchestrator.domain.vocabulary import JobState, JobTaskState
from orchestrator.services.jobs import JobTaskView, JobView, Update
from orchestrator.services.planning import is_unserved
from orchestrator.store.jobs import JobFilter
from orchestrator.store.tables import JobTaskEvent

TimeField = Literal["enqueuedTimestamp", "startTimestamp", "endTimestamp", "all"]
MatchStrategy = Literal["all", "any"]


class JobResponse(Wire):
    id: str
    customer: CustomerInfo
    analysed_sample: SampleInfo
    state: JobState
    enqueued_timestamp: int
    start_timestamp: int | None = None
    end_timestamp: int | None = None

    @classmethod
    def of(cls, view: JobView) -> JobResponse:
        job = view.job
        return cls(
            id=str(job.id),
            customer=CustomerInfo.of(job.customer),
            analysed_sample=SampleInfo(id=job.sample_sha256, size=view.size),
            state=job.state,
            enqueued_timestamp=millis(job.enqueued_at) or 0,
            start_timestamp=millis(job.start_at),
            end_timestamp=millis(job.end_at),
        )


class JobTaskResponse(Wire):
    """``analysis``, the first of ``analyses``, is for clients of the generation before 3.18.

    ``flags`` is an extension, left out where there is nothing to say: ``unserved``, no live worker serves it.
    """

    id: str
    worker: str
    state: JobTaskState
    message: str | None = None
    flags: list[Literal["unserved"]] | None = None
    enqueued_timestamp: int
    start_timestamp: int | None = None
    end_timestamp: int | None = None
    analyses: list[AnalysisInfo]
    analysis: AnalysisInfo | None = None

    @classmethod
    def of(cls, view: JobTaskView) -> JobTaskResponse:
        row = view.row
        analyses = [
            AnalysisInfo(
                id=str(each.id),
                analysis_score=each.score,
                user_agent=UserAgent(name=each.user_agent_name, version=each.user_agent_version),
            )
            for each in view.analyses
        ]
        return cls(
            id=str(row.id),
            worker=row.worker,
            state=row.state,
            message=row.message,
            flags=["unserved"] if is_unserved(row.worker, row.state, row.message) else None,
            enqueued_timestamp=millis(row.enqueued_at) or 0,
            start_timestamp=millis(row.start_at),
            end_timestamp=millis(row.end_at),
            analyses=analyses,
            analysis=analyses[0] if analyses else None,
        )


class JobSearchRequest(Wire):
    customer: References = []
    sample_sha256: Annotated[
        list[Annotated[str, Field(pattern=SHA256), AfterValidator(str.lower)]], BeforeValidator(as_list)
    ] = []
    state: Annotated[list[JobState], BeforeValidator(as_list)] = []
    start_timestamp: Moment | None = None
    end_timestamp: Moment | None = None
    time_field_strategy: Annotated[list[TimeField], BeforeValidator(as_list)] = ["all"]
    time_match_strategy: MatchStrategy = "any"
    sort_by: Annotated[list[str], BeforeValidator(as_list)] = []
    limit: Annotated[Whole, Field(ge=0)] = 25
    offset: Annotated[Whole, Field(ge=0, le=2**31 - 1)] = 0

    def to_filter(self) -> JobFilter:
        return JobFilter(
            states=self.state,
            sample_sha256=self.sample_sha256,
            start=self.start_timestamp,
            end=self.end_timestamp,
            time_fields=self.time_field_strategy or ["all"],
            match_all_times=self.time_match_strategy == "all",
        )


class JobTaskAddRequest(Wire):
    """``analyzerName`` is what clients before 3.15 called ``worker``."""

    worker: Annotated[
        str,
        Field(
            pattern=SHORT_NAME,
            min_length=1,
            max_length=128,
            validation_alias=AliasChoices("worker", "analyzerName"),
        ),
    ]
    state: JobTaskState = JobTaskState.enqueued


class JobTaskUpdateRequest(Wire):
    """Both generations: ``analyses`` of today, ``analysisID`` of the reference page."""

    state: JobTaskState
    analyses: Ids | None = None
    analysis_id: Annotated[UUID | None, Field(alias="analysisID")] = None
    message: Annotated[str, AfterValidator(no_nul), Field(max_length=65536)] | None = None
    #: From a remote worker: what it found, and in which attempt; an extension of the contract.
    run: RunReport | None = None

    def to_domain(self) -> Update:
        listed = list(dict.fromkeys(self.analyses or []))
        if self.analysis_id is not None and self.analysis_id not in listed:
            listed.append(self.analysis_id)
        return Update(state=self.state, message=self.message, analyses=listed)


class JobTaskEventResponse(Wire):
    """One applied transition; an extension of the contract."""

    job_task: str
    attempt: int
    source: JobTaskState | None = None
    target: JobTaskState
    timestamp: int
    actor: str
    by: str | None = None
    cause: str | None = None
    message: str | None = None
    host: str | None = None
    worker_version: str | None = None
    waited_ms: int | None = None
    ran_ms: int | None = None

    @classmethod
    def of(cls, row: JobTaskEvent) -> JobTaskEventResponse:
        shown: dict[str, Any] = {name: getattr(row, name, None) for name in cls.model_fields}
        return cls(**{**shown, "job_task": str(row.job_task_id), "timestamp": millis(row.at) or 0})
