"""What a job task works on, for whoever runs its worker elsewhere; an extension of the contract."""

from __future__ import annotations

from orchestrator.api.schemas.assignment import SampleToRun
from orchestrator.api.schemas.base import Wire
from orchestrator.api.schemas.job import JobTaskResponse
from orchestrator.services.runs import RunView


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
