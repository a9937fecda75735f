"""What a job task works on; an extension of the contract, for ``assay worker replay``."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path

from orchestrator.api.dependencies import Reading
from orchestrator.api.envelope import Envelope, JsonResponse, single
from orchestrator.api.schemas.run import RunResponse
from orchestrator.api.security import CallerDep, SecuredRoute, needs
from orchestrator.domain.vocabulary import Role
from orchestrator.services import runs

router = APIRouter(prefix="/sampledb/v2/jobtask", route_class=SecuredRoute, tags=["jobs"])


@router.get("/{taskID}", operation_id="getJobTaskRun", response_model=Envelope[RunResponse])
@needs(Role.analyzer)
def get_run(
    caller: CallerDep, uow: Reading, job_task_id: Annotated[UUID, Path(alias="taskID")]
) -> JsonResponse:
    """The job task by its own id, with what its worker is told of the sample: options and type."""
    return single(RunResponse.of(runs.get_run(uow, caller, job_task_id)))
