"""Samples: upload, metadata, downloads, analysing again (contract section 4)."""

from __future__ import annotations

from asyncio import wrap_future
from typing import Annotated

from fastapi import APIRouter, Body, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from orchestrator.api.dependencies import App, Create, Reading, Sha256Path, Strings, Writing
from orchestrator.api.envelope import Envelope, JsonResponse, single
from orchestrator.api.schemas.base import Wire
from orchestrator.api.schemas.job import JobResponse
from orchestrator.api.schemas.sample import SampleMetaDataResponse, UploadResponse
from orchestrator.api.security import CallerDep, SecuredRoute, needs
from orchestrator.domain.vocabulary import Role
from orchestrator.services import jobs, samples
from orchestrator.services.application import Application
from orchestrator.services.capacity import check_disk
from orchestrator.store.spool import BlobFacts, Spool
from orchestrator.streams import attachment, file_chunks, receive, scratch_file

router = APIRouter(prefix="/sampledb/v2/sample", route_class=SecuredRoute, tags=["samples"])

_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.post(
    "",
    operation_id="addSample",
    status_code=201,
    response_model=Envelope[UploadResponse],
    responses={200: {"model": Envelope[UploadResponse], "description": "stored already"}},
    openapi_extra=_BODY,
)
@needs(Role.uploader)
async def add_sample(request: Request, caller: CallerDep, app: App, create: Create) -> JsonResponse:
    """Upload a sample as the raw body, in any content type."""
    spool = await run_in_threadpool(_spool, app)
    with spool:
        await receive(request, spool, app.settings.max_sample_size)
        facts = await run_in_threadpool(samples.accept, app.blobs, spool)
        uploaded = await wrap_future(create.upload(caller, facts))
        # a deletion of the same sample that ran meanwhile may have taken the bytes with it
        await run_in_threadpool(_keep_again, app, spool, facts)
    return single(UploadResponse.of(uploaded), 200 if uploaded.exists else 201)


def _spool(app: Application) -> Spool:
    check_disk(app.settings)
    return app.blobs.spool()


def _keep_again(app: Application, spool: Spool, facts: BlobFacts) -> None:
    if not app.blobs.exists(facts.sha256):
        app.blobs.keep(spool)


@router.get("/{sha256}", operation_id="getSampleMetaData", response_model=Envelope[SampleMetaDataResponse])
@needs(Role.viewer)
def get_sample_meta_data(caller: CallerDep, uow: Reading, sha256: Sha256Path) -> JsonResponse:
    sample = samples.readable(uow, caller, sha256)
    return single(SampleMetaDataResponse.of(samples.describe(uow, [sample])[0]))


@router.get("/{sha256}/raw", operation_id="downloadRawSample", response_class=Response)
@needs(Role.viewer)
def download_raw_sample(caller: CallerDep, uow: Reading, app: App, sha256: Sha256Path) -> Response:
    """The bytes as they are. They may be malware."""
    sample = samples.stored(uow, caller, sha256)
    return attachment(app.blobs.open(sha256), sha256, size=sample.size)


@router.get("/{sha256}/safe", operation_id="downloadSafeSample", response_class=Response)
@needs(Role.viewer)
def download_safe_sample(caller: CallerDep, uow: Reading, app: App, sha256: Sha256Path) -> Response:
    """A ZIP that the password ``infected`` opens (AES-256)."""
    samples.stored(uow, caller, sha256)
    file = scratch_file()
    samples.zip_infected(app.blobs.open(sha256), sha256, file)
    size = file.tell()
    file.seek(0)
    return attachment(file_chunks(file), f"{sha256}.zip", "application/zip", size)


class ReanalyseRequest(Wire):
    """``workers`` narrows or widens the policy's selection for this job; an extension."""

    workers: Strings | None = None


@router.put("/{sha256}/reanalyse", operation_id="reanalyseSample", response_model=Envelope[JobResponse])
@needs(Role.analyzer)
def reanalyse_sample(
    caller: CallerDep,
    uow: Writing,
    app: App,
    sha256: Sha256Path,
    body: Annotated[ReanalyseRequest | None, Body()] = None,
) -> JsonResponse:
    """Start a new job over a sample."""
    workers = body.workers if body else None
    view = jobs.reanalyse(uow, app.dispatch, app.settings, caller, sha256, workers)
    return single(JobResponse.of(view))
