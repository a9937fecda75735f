"""What a job task works on, for whoever runs its worker elsewhere; an extension of the contract."""

from __future__ import annotations

from orchestrator.api.schemas.base import Wire
from orchestrator.api.schemas.job import JobTaskResponse
from orchestrator.services.executing import Assignment
from orchestrator.services.runs import RunView


class SampleToRun(Wire):
    """What a worker is told of the sample. Type and super type are empty where it is not classified."""

    sha256: str
    sha512: str
    sha1: str
    md5: str
    size: int
    file_name: str
    type: str
    super_type: str
    options: dict[str, str]

    @classmethod
    def of(cls, assignment: Assignment) -> SampleToRun:
        return cls(**{name: getattr(assignment, name) for name in cls.model_fields})


class RunResponse(Wire):
    job: str
    task: JobTaskResponse
    attempt: int
    worker_version: str | None = None
    sample: SampleToRun

    @classmethod
    def of(cls, view: RunView) -> RunResponse:
        return cls(
            job=str(view.task.row.job_id),
            task=JobTaskResponse.of(view.task),
            attempt=view.task.row.attempt,
            worker_version=view.worker_version,
            sample=SampleToRun.of(view.assignment),
        )
