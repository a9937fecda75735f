"""Job tasks for remote workers, over HTTP; an extension of the contract (``docs/remote-workers.md``)."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from orchestrator.api.dependencies import App, Reading, Writing
from orchestrator.api.envelope import Envelope, JsonResponse, single
from orchestrator.api.schemas.job import JobTaskResponse
from orchestrator.api.schemas.remote import (
    ClaimRequest,
    ClaimResponse,
    HeartbeatRequest,
    HeartbeatResponse,
    RegisterRequest,
    RegisterResponse,
    ReleaseRequest,
    SentFile,
)
from orchestrator.api.security import CallerDep, SecuredRoute, needs
from orchestrator.domain.caller import Caller
from orchestrator.domain.vocabulary import Role
from orchestrator.services import remote, remote_results
from orchestrator.services.application import Application
from orchestrator.store.spool import Spool
from orchestrator.streams import attachment, receive

router = APIRouter(prefix="/sampledb/v2/remote", route_class=SecuredRoute, tags=["remote workers"])

ProcessId = Annotated[UUID, Path(alias="processID")]
JobTaskId = Annotated[UUID, Path(alias="taskID")]

#: Seconds between two looks for work while a claim waits, from … to.
_FIRST_LOOK, _LAST_LOOK = 0.1, 1.0

_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.post("", operation_id="addRemoteWorker", status_code=201, response_model=Envelope[RegisterResponse])
@needs(Role.analyzer)
def register(caller: CallerDep, uow: Writing, app: App, body: RegisterRequest) -> JsonResponse:
    """Take out a lease, and say which analysis workers are offered."""
    offered = [each.to_domain() for each in body.workers]
    registered = remote.register(uow, caller, body.host, body.pid, body.version, offered)
    return single(RegisterResponse.of(registered, app.settings), 201)


@router.delete("/{processID}", operation_id="removeRemoteWorker", response_model=Envelope[None])
@needs(Role.analyzer)
def leave(caller: CallerDep, uow: Writing, process_id: ProcessId) -> JsonResponse:
    """Give the lease back."""
    remote.leave(uow, caller, process_id)
    return single(None)


@router.post(
    "/{processID}/heartbeat", operation_id="renewRemoteWorker", response_model=Envelope[HeartbeatResponse]
)
@needs(Role.analyzer)
def heartbeat(caller: CallerDep, uow: Writing, process_id: ProcessId, body: HeartbeatRequest) -> JsonResponse:
    """Renew the lease; the answer names job tasks that must end."""
    off = remote.heartbeat(uow, caller, process_id, body.running)
    return single(HeartbeatResponse(called_off=sorted(map(str, off))))


@router.post("/{processID}/claim", operation_id="claimJobTask", response_model=Envelope[ClaimResponse])
@needs(Role.analyzer)
async def claim(
    request: Request, caller: CallerDep, app: App, process_id: ProcessId, body: ClaimRequest
) -> JsonResponse:
    """A job task to execute, as soon as there is one; ``data`` is null where there was none in time."""
    deadline, pause = time.monotonic() + body.wait, _FIRST_LOOK
    while True:
        found = await run_in_threadpool(remote.claim, app.begin, caller, process_id, body.running)
        if found is not None:
            return single(ClaimResponse.of(*found))
        left = deadline - time.monotonic()
        if left <= 0 or await request.is_disconnected():
            return single(None)
        await asyncio.sleep(min(pause, left))
        pause = min(2 * pause, _LAST_LOOK)


@router.get(
    "/{processID}/task/{taskID}/sample", operation_id="downloadClaimedSample", response_class=Response
)
@needs(Role.analyzer)
def download(
    caller: CallerDep, uow: Reading, app: App, process_id: ProcessId, job_task_id: JobTaskId
) -> Response:
    """The bytes of the sample of a job task that the remote worker executes. They may be malware."""
    sha256 = remote.held(uow, caller, process_id, job_task_id).job.sample_sha256
    return attachment(app.blobs.open(sha256), sha256)


@router.post(
    "/{processID}/task/{taskID}/file",
    operation_id="sendClaimedFile",
    response_model=Envelope[SentFile],
    openapi_extra=_BODY,
)
@needs(Role.analyzer)
async def send_file(
    request: Request, caller: CallerDep, app: App, process_id: ProcessId, job_task_id: JobTaskId
) -> JsonResponse:
    """Send a file that the result will name, evidence or an extracted child, as the raw body."""
    await run_in_threadpool(_check, app, caller, process_id, job_task_id)
    spool = await run_in_threadpool(app.blobs.spool)
    with spool:
        await receive(request, spool, app.settings.max_sample_size)
        return await run_in_threadpool(_keep, app, caller, process_id, job_task_id, spool)


def _check(app: Application, caller: Caller, process_id: UUID, job_task_id: UUID) -> None:
    with app.begin(write=False) as uow:
        remote.held(uow, caller, process_id, job_task_id)


def _keep(
    app: Application, caller: Caller, process_id: UUID, job_task_id: UUID, spool: Spool
) -> JsonResponse:
    facts = app.blobs.keep(spool)
    with app.begin(write=False) as uow:
        process = remote.own(uow, caller, process_id)
        return single(SentFile.of(facts, remote.receipt(process, job_task_id, facts)))


@router.post(
    "/{processID}/task/{taskID}/release",
    operation_id="releaseJobTask",
    response_model=Envelope[JobTaskResponse],
)
@needs(Role.analyzer)
def release(
    caller: CallerDep,
    uow: Writing,
    app: App,
    process_id: ProcessId,
    job_task_id: JobTaskId,
    body: ReleaseRequest,
) -> JsonResponse:
    """Give a job task back, so that it is tried again."""
    view = remote_results.release(
        uow,
        app.dispatch,
        app.settings,
        caller,
        process_id,
        job_task_id,
        body.attempt,
        body.message,
        temporary=body.temporary,
    )
    return single(JobTaskResponse.of(view))
