"""What remote workers and the service tell one another; an extension of the contract."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, Field

from orchestrator.api.dependencies import SHA256, SHORT_NAME
from orchestrator.api.schemas.analysis import Assessment, TagType, storable
from orchestrator.api.schemas.assignment import SampleToRun
from orchestrator.api.schemas.base import Whole, Wire, no_nul
from orchestrator.domain.transition import NewAnalysis, NewChild, NewClassification, NewEvidence
from orchestrator.domain.vocabulary import LinkType, StatusOverride
from orchestrator.services.remote import Announced, Registered
from orchestrator.services.remote_results import Result, Sent
from orchestrator.settings import Settings
from orchestrator.store.executing import Assignment
from orchestrator.store.spool import BlobFacts

Text = Annotated[str, AfterValidator(no_nul), Field(max_length=65536)]
Name = Annotated[str, Field(pattern=SHORT_NAME, min_length=1, max_length=128)]
Attempt = Annotated[Whole, Field(ge=1, le=2**31 - 1)]


class OfferedWorker(Wire):
    name: Name
    version: Text
    description: Text = ""
    accepts: list[Text] = []
    classifies: bool = False
    seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    result_schema: Annotated[Any, Field(alias="schema"), AfterValidator(storable)] = None

    def to_domain(self) -> Announced:
        return Announced(schema=self.result_schema, **self.model_dump(exclude={"result_schema"}))


class RegisterRequest(Wire):
    host: Annotated[Text, Field(min_length=1, max_length=255)]
    pid: Annotated[Whole, Field(ge=0, le=2**31 - 1)]
    version: Text
    workers: Annotated[list[OfferedWorker], Field(min_length=1, max_length=1000)]


class RegisterResponse(Wire):
    """Times in seconds: a remote worker that is silent for ``lease`` counts as lost."""

    id: str
    workers: list[str]
    refused: dict[str, str]
    lease: float
    heartbeat: float

    @classmethod
    def of(cls, registered: Registered, settings: Settings) -> RegisterResponse:
        return cls(
            id=str(registered.process.id),
            workers=sorted(registered.process.workers),
            refused=dict(registered.refused),
            lease=settings.worker_lease,
            heartbeat=settings.heartbeat_interval,
        )


class ClaimRequest(Wire):
    """``wait``, in seconds, is how long the answer may take where there is nothing to do."""

    wait: Annotated[float, Field(ge=0, le=25)] = 20.0
    running: Annotated[list[UUID], Field(max_length=1000)] = []


class ClaimResponse(Wire):
    job: str
    task: str
    worker: str
    attempt: int
    sample: SampleToRun

    @classmethod
    def of(cls, job_id: UUID, assignment: Assignment) -> ClaimResponse:
        return cls(
            job=str(job_id),
            task=str(assignment.job_task_id),
            worker=assignment.worker,
            attempt=assignment.attempt,
            sample=SampleToRun.of(assignment),
        )


class HeartbeatRequest(Wire):
    """Job tasks that run, with their attempts."""

    running: Annotated[dict[UUID, Attempt], Field(max_length=1000)] = {}


class HeartbeatResponse(Wire):
    """Those of them that must end: cancelled, timed out, or taken over."""

    called_off: list[str]


class ReleaseRequest(Wire):
    """``temporary``: a temporary error, retried with backoff a limited number of times."""

    attempt: Attempt
    message: Text
    temporary: bool = False


class SentFile(Wire):
    """A file that was sent, and the receipt for it: both come back with the result."""

    sha256: Annotated[str, Field(pattern=SHA256)]
    sha512: Annotated[str, Field(pattern="^[0-9a-f]{128}$")]
    sha1: Annotated[str, Field(pattern="^[0-9a-f]{40}$")]
    md5: Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
    size: Annotated[Whole, Field(ge=0)]
    receipt: Annotated[str, Field(pattern=SHA256)]

    @classmethod
    def of(cls, facts: BlobFacts, receipt: str) -> SentFile:
        names = ("sha256", "sha512", "sha1", "md5", "size")
        return cls(**{name: getattr(facts, name) for name in names}, receipt=receipt)

    def to_domain(self) -> Sent:
        return Sent(BlobFacts(self.sha256, self.sha512, self.sha1, self.md5, self.size), self.receipt)


class FoundEvidence(Wire):
    file: SentFile
    name: Text
    mime_type: Annotated[Text, Field(max_length=255)] = "application/octet-stream"
    internal: bool = False
    potentially_malicious: bool = False

    def to_domain(self) -> NewEvidence:
        return NewEvidence(
            file_name=self.name,
            mime_type=self.mime_type,
            size=self.file.size,
            checksum=self.file.sha256,
            internal=self.internal,
            potentially_malicious=self.potentially_malicious,
        )


class FoundChild(Wire):
    file: SentFile
    name: Text = ""
    relation: LinkType = LinkType.child

    def to_domain(self) -> NewChild:
        file = self.file
        return NewChild(
            sha256=file.sha256,
            sha512=file.sha512,
            sha1=file.sha1,
            md5=file.md5,
            size=file.size,
            file_name=self.name,
            relation=self.relation,
        )


class FoundTag(Wire):
    type: TagType
    value: Text


class FoundDetection(Wire):
    name: Text
    assessment: Assessment = "unknown"


class FoundFact(Wire):
    key: Text
    value: Text


class FoundClassification(Wire):
    type: Text
    super_type: Text
    arch: Text = ""
    platform: Text = ""
    meta_data: dict[Text, Text] = {}

    def to_domain(self) -> NewClassification:
        return NewClassification(**self.model_dump())


class FindingsReport(Wire):
    """What a worker found, in the fields of :class:`orchestrator.worker.Findings`."""

    score: Annotated[Whole, Field(ge=-1, le=100)] = -1
    result: Annotated[dict[str, Any], AfterValidator(storable)] = {}
    detections: list[FoundDetection] = []
    tags: list[FoundTag] = []
    facts: list[FoundFact] = []
    evidence: list[FoundEvidence] = []
    children: list[FoundChild] = []
    classification: FoundClassification | None = None
    possible_detections: Annotated[Whole, Field(ge=0, le=2**31 - 1)] | None = None
    verdict_status_override: StatusOverride | None = None
    with_internet: bool = False

    def to_domain(self, version: str) -> NewAnalysis:
        return NewAnalysis(
            user_agent_name="",
            user_agent_version=version,
            score=self.score,
            result=self.result,
            detections=[each.model_dump() for each in self.detections],
            tags=[each.model_dump() for each in self.tags],
            possible_detections=self.possible_detections,
            verdict_status_override=self.verdict_status_override,
            with_internet=self.with_internet,
            evidence=[each.to_domain() for each in self.evidence],
            children=[each.to_domain() for each in self.children],
            facts=[(each.key, each.value) for each in self.facts],
            classification=self.classification.to_domain() if self.classification else None,
        )


class RunReport(Wire):
    """With a job task's update: it ends the attempt that a remote worker executes."""

    process: UUID
    attempt: Attempt
    version: Text
    cause: Literal["raised", "crashed", "limit", "nothing", "missing", "sandbox"] | None = None
    milliseconds: Annotated[Whole, Field(ge=0, le=2**31 - 1)] | None = None
    findings: FindingsReport | None = None

    def to_domain(self, message: str | None) -> Result:
        found = self.findings
        files = [each.file for each in found.evidence] if found else []
        files += [each.file for each in found.children] if found else []
        return Result(
            process_id=self.process,
            attempt=self.attempt,
            worker_version=self.version,
            message=message,
            cause=self.cause,
            ran_ms=self.milliseconds,
            findings=found.to_domain(self.version) if found else None,
            files=[each.to_domain() for each in files],
        )
