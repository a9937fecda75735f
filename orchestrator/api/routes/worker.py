"""The registry of analysis workers (contract section 9)."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import AfterValidator

from orchestrator.api.dependencies import DEFAULT_LIMIT, App, Limit, Offset, Reading, SortBy, Writing
from orchestrator.api.envelope import Envelope, JsonResponse, ListEnvelope, page, single
from orchestrator.api.schemas.base import no_nul
from orchestrator.api.schemas.worker import Service, WorkerAddRequest, WorkerResponse, WorkerUpdateRequest
from orchestrator.api.security import CallerDep, SecuredRoute, needs
from orchestrator.domain.paging import Page, sort_keys
from orchestrator.domain.vocabulary import Role
from orchestrator.services import workers
from orchestrator.store.workers import WORKER_SORT

router = APIRouter(prefix="/sampledb/v2/worker", route_class=SecuredRoute, tags=["workers"])

IncludeDeleted = Annotated[bool, Query(alias="includeDeleted")]
IdOrShortName = Annotated[str, Path(alias="idOrShortName", max_length=128), AfterValidator(no_nul)]


@router.get("", operation_id="listAnalysisWorkers", response_model=ListEnvelope[WorkerResponse])
@needs(Role.administrator)
def list_workers(
    uow: Reading,
    include_deleted: IncludeDeleted = False,
    limit: Limit = DEFAULT_LIMIT,
    offset: Offset = 0,
    sort_by: SortBy = [],
) -> JsonResponse:
    wanted = Page(limit, offset, sort_keys(sort_by, list(WORKER_SORT), "shortName"))
    return page(workers.list_workers(uow, wanted, include_deleted=include_deleted), WorkerResponse.of)


@router.post("", operation_id="addAnalysisWorker", status_code=201, response_model=Envelope[WorkerResponse])
@needs(Role.administrator)
def add_worker(caller: CallerDep, uow: Writing, body: WorkerAddRequest) -> JsonResponse:
    return single(WorkerResponse.of(workers.add_worker(uow, caller, body.to_domain())), 201)


@router.get("/{idOrShortName}", operation_id="getAnalysisWorker", response_model=Envelope[WorkerResponse])
@needs(Role.administrator)
def get_worker(uow: Reading, app: App, reference: IdOrShortName) -> JsonResponse:
    """The worker; the envelope's ``metaData`` says who serves it now."""
    worker = workers.get_worker(uow, reference)
    service = Service.of(worker, workers.processes(uow, app.settings, worker))
    return single(WorkerResponse.of(worker), meta=service.to_meta())


@router.put("/{idOrShortName}", operation_id="updateAnalysisWorker", response_model=Envelope[WorkerResponse])
@needs(Role.administrator)
def update_worker(
    caller: CallerDep, uow: Writing, reference: IdOrShortName, body: WorkerUpdateRequest
) -> JsonResponse:
    return single(WorkerResponse.of(workers.update_worker(uow, caller, reference, body.to_domain())))


@router.delete(
    "/{idOrShortName}", operation_id="deleteAnalysisWorker", response_model=Envelope[WorkerResponse]
)
@needs(Role.administrator)
def delete_worker(caller: CallerDep, uow: Writing, reference: IdOrShortName) -> JsonResponse:
    """No new job gets the worker; its id still answers, its short name is free again."""
    return single(WorkerResponse.of(workers.delete_worker(uow, caller, reference)))


@router.get("/{idOrShortName}/schema", operation_id="fetchAnalysisWorkerSchema", response_model=Any)
@needs(Role.administrator)
def get_schema(uow: Reading, reference: IdOrShortName) -> JsonResponse:
    """The bare JSON schema of the worker's results, without the envelope."""
    return JsonResponse(workers.schema_of(uow, reference))
