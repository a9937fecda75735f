"""Service tasks (contract section 11), and the deletion of samples, which is one."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query

from orchestrator.api.dependencies import DEFAULT_LIMIT, App, Limit, Offset, Reading, Sha256Path, Writing
from orchestrator.api.envelope import Envelope, JsonResponse, ListEnvelope, page, single
from orchestrator.api.schemas.base import Correlation
from orchestrator.api.schemas.servicetask import (
    ReanalyseRequest,
    ReindexRequest,
    ServiceTaskResponse,
    ServiceTaskSearchRequest,
    Text,
)
from orchestrator.api.security import CallerDep, SecuredRoute, needs
from orchestrator.domain.paging import Found, Page
from orchestrator.domain.vocabulary import Role, ServiceTaskState
from orchestrator.services import requests, servicetasks
from orchestrator.store.maintenance import ServiceTaskFilter
from orchestrator.store.tables import ServiceTask

TaskId = Annotated[UUID, Path(alias="taskID")]

router = APIRouter(prefix="/sampledb/v2", route_class=SecuredRoute, tags=["service tasks"])


def _correlation(row: ServiceTask) -> JsonResponse:
    return single(Correlation(correlation_id=str(row.correlation_id)))


@router.delete("/sample/{sha256}", operation_id="deleteSample", response_model=Envelope[Correlation])
@needs(Role.administrator)
def delete_sample(caller: CallerDep, uow: Writing, app: App, sha256: Sha256Path) -> JsonResponse:
    """Delete the sample and all that is known of it, in the background; a minimal record stays."""
    return _correlation(requests.delete_sample(uow, app.dispatch, caller, sha256))


@router.get("/servicetask", operation_id="listTasks", response_model=ListEnvelope[ServiceTaskResponse])
@needs(Role.administrator)
def list_service_tasks(
    uow: Reading,
    state: Annotated[list[ServiceTaskState], Query()] = [],
    operation: Annotated[list[Text], Query()] = [],
    user: Annotated[list[Text], Query()] = [],
    parent_task: Annotated[list[UUID], Query(alias="parentTask")] = [],
    limit: Limit = DEFAULT_LIMIT,
    offset: Offset = 0,
) -> JsonResponse:
    """The service tasks, the newest first."""
    wanted = ServiceTaskFilter(
        states=state,
        operations=operation,
        user_ids=servicetasks.users(uow, user),
        parent_ids=parent_task,
    )
    return page(servicetasks.find(uow, wanted, limit, offset), ServiceTaskResponse.of)


@router.post(
    "/servicetask/search", operation_id="searchTasks", response_model=ListEnvelope[ServiceTaskResponse]
)
@needs(Role.administrator)
def search_service_tasks(uow: Reading, body: ServiceTaskSearchRequest) -> JsonResponse:
    """The service tasks that match, the newest first."""
    wanted = body.to_filter(servicetasks.users(uow, body.user or []))
    limit = DEFAULT_LIMIT if body.limit is None else body.limit
    return page(servicetasks.find(uow, wanted, limit, body.offset or 0), ServiceTaskResponse.of)


@router.post("/servicetask/reindex", operation_id="reindexResources", response_model=Envelope[Correlation])
@needs(Role.administrator)
def reindex_resources(caller: CallerDep, uow: Writing, app: App, body: ReindexRequest) -> JsonResponse:
    """Make keyword texts and what samples say of their newest parts anew, in the background."""
    row = requests.reindex(
        uow, app.dispatch, caller, body.resource, body.to_window(), data_center=body.data_center
    )
    return _correlation(row)


@router.post("/servicetask/reanalyse", operation_id="reanalyseSamples", response_model=Envelope[Correlation])
@needs(Role.administrator)
def reanalyse_samples(caller: CallerDep, uow: Writing, app: App, body: ReanalyseRequest) -> JsonResponse:
    """Analyse many samples again, below live traffic; an extension of the contract."""
    return _correlation(requests.reanalyse(uow, app.dispatch, caller, body.to_window(), body.workers))


@router.get("/servicetask/{taskID}", operation_id="getTask", response_model=ListEnvelope[ServiceTaskResponse])
@needs(Role.administrator)
def get_service_task(uow: Reading, task_id: TaskId) -> JsonResponse:
    """One service task; the contract has it in a list."""
    return page(Found([servicetasks.get(uow, task_id)], 1, Page(1)), ServiceTaskResponse.of)


@router.delete(
    "/servicetask/{taskID}", operation_id="abortTask", response_model=Envelope[ServiceTaskResponse]
)
@needs(Role.administrator)
def abort_service_task(caller: CallerDep, uow: Writing, task_id: TaskId) -> JsonResponse:
    """Call a service task off; what it has done stays. One that has ended is refused."""
    return single(ServiceTaskResponse.of(servicetasks.abort(uow, caller, task_id)))
