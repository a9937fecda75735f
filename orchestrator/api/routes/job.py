"""Jobs and job tasks (contract sections 2 and 3); the history, cancel and re-run are our extensions."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query

from orchestrator.api.dependencies import DEFAULT_LIMIT, App, Limit, Offset, Reading, SortBy, Writing
from orchestrator.api.envelope import Envelope, JsonResponse, ListEnvelope, page, single
from orchestrator.api.schemas.job import (
    JobResponse,
    JobSearchRequest,
    JobTaskAddRequest,
    JobTaskEventResponse,
    JobTaskResponse,
    JobTaskUpdateRequest,
)
from orchestrator.api.security import CallerDep, SecuredRoute, needs
from orchestrator.domain.paging import Found, Page, sort_keys
from orchestrator.domain.vocabulary import JobState, Role
from orchestrator.services import jobs, remote_results
from orchestrator.store.jobs import JOB_SORT, JOB_TASK_SORT, JobFilter

JobId = Annotated[UUID, Path(alias="jobID")]
JobTaskId = Annotated[UUID, Path(alias="taskID")]

router = APIRouter(prefix="/sampledb/v2/job", route_class=SecuredRoute, tags=["jobs"])


@router.get("", operation_id="listJobs", response_model=ListEnvelope[JobResponse])
@needs(Role.viewer)
def list_jobs(
    caller: CallerDep,
    uow: Reading,
    state: Annotated[list[JobState], Query()] = [],
    limit: Limit = DEFAULT_LIMIT,
    offset: Offset = 0,
    sort_by: SortBy = [],
) -> JsonResponse:
    """The jobs of the caller's customer, newest first unless sorted otherwise."""
    wanted = Page(limit, offset, sort_keys(sort_by, list(JOB_SORT), "-enqueuedTimestamp"))
    return page(jobs.find_jobs(uow, caller, JobFilter(states=state), wanted), JobResponse.of)


@router.post("/search", operation_id="searchJobs", response_model=ListEnvelope[JobResponse])
@needs(Role.viewer)
def search_jobs(caller: CallerDep, uow: Reading, body: JobSearchRequest) -> JsonResponse:
    """The jobs that match, oldest first unless sorted otherwise."""
    wanted = Page(body.limit, body.offset, sort_keys(body.sort_by, list(JOB_SORT), "enqueuedTimestamp"))
    return page(jobs.find_jobs(uow, caller, body.to_filter(), wanted, body.customer), JobResponse.of)


@router.get("/{jobID}", operation_id="getJob", response_model=Envelope[JobResponse])
@needs(Role.viewer)
def get_job(caller: CallerDep, uow: Reading, job_id: JobId) -> JsonResponse:
    return single(JobResponse.of(jobs.get_job(uow, caller, job_id)))


@router.get("/{jobID}/tasks", operation_id="listJobTasks", response_model=ListEnvelope[JobTaskResponse])
@needs(Role.viewer)
def list_job_tasks(
    caller: CallerDep,
    uow: Reading,
    job_id: JobId,
    limit: Limit = DEFAULT_LIMIT,
    offset: Offset = 0,
    sort_by: SortBy = [],
) -> JsonResponse:
    wanted = Page(limit, offset, sort_keys(sort_by, list(JOB_TASK_SORT), "worker"))
    return page(jobs.list_job_tasks(uow, caller, job_id, wanted), JobTaskResponse.of)


@router.get("/{jobID}/task/{taskID}", operation_id="getJobTask", response_model=Envelope[JobTaskResponse])
@needs(Role.viewer)
def get_job_task(caller: CallerDep, uow: Reading, job_id: JobId, job_task_id: JobTaskId) -> JsonResponse:
    return single(JobTaskResponse.of(jobs.get_job_task(uow, caller, job_id, job_task_id)))


@router.post(
    "/{jobID}/task", operation_id="addJobTask", status_code=201, response_model=Envelope[JobTaskResponse]
)
@needs(Role.analyzer)
def add_job_task(caller: CallerDep, uow: Writing, job_id: JobId, body: JobTaskAddRequest) -> JsonResponse:
    """A job task that an external analyzer brings and drives itself."""
    return single(JobTaskResponse.of(jobs.add_job_task(uow, caller, job_id, body.worker, body.state)), 201)


@router.put("/{jobID}/task/{taskID}", operation_id="updateJobTask", response_model=Envelope[JobTaskResponse])
@needs(Role.analyzer)
def update_job_task(
    caller: CallerDep,
    uow: Writing,
    app: App,
    job_id: JobId,
    job_task_id: JobTaskId,
    body: JobTaskUpdateRequest,
) -> JsonResponse:
    """Move a job task; a final one is refused, and nothing changes."""
    if body.run is not None:
        result = body.run.to_domain(body.message)
        view = remote_results.finish(
            uow, app.dispatch, app.settings, caller, job_id, job_task_id, body.state, result
        )
        return single(JobTaskResponse.of(view))
    view = jobs.update_job_task(
        uow, app.dispatch, app.settings, caller, job_id, job_task_id, body.to_domain()
    )
    return single(JobTaskResponse.of(view))


@router.get(
    "/{jobID}/history", operation_id="listJobTaskEvents", response_model=ListEnvelope[JobTaskEventResponse]
)
@needs(Role.viewer)
def job_history(caller: CallerDep, uow: Reading, job_id: JobId) -> JsonResponse:
    """Every transition of every job task, oldest first; an extension of the contract."""
    rows = jobs.history(uow, caller, job_id)
    return page(Found(rows, len(rows), Page(0)), JobTaskEventResponse.of)


@router.delete("/{jobID}", operation_id="cancelJob", response_model=Envelope[JobResponse])
@needs(Role.user)
def cancel_job(caller: CallerDep, uow: Writing, app: App, job_id: JobId) -> JsonResponse:
    """Cancel what is open of a job (clients before 3.17: abort)."""
    return single(JobResponse.of(jobs.cancel(uow, app.dispatch, caller, job_id)))


@router.delete("/{jobID}/task/{taskID}", operation_id="cancelJobTask", response_model=Envelope[JobResponse])
@needs(Role.user)
def cancel_job_task(
    caller: CallerDep, uow: Writing, app: App, job_id: JobId, job_task_id: JobTaskId
) -> JsonResponse:
    """Cancel one job task; an extension of the contract."""
    return single(JobResponse.of(jobs.cancel(uow, app.dispatch, caller, job_id, job_task_id)))
