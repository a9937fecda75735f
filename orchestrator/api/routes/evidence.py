"""Evidence (contract section 6)."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from orchestrator.api.dependencies import (
    DEFAULT_LIMIT,
    SHORT_NAME,
    App,
    Limit,
    Offset,
    Reading,
    Sha256Path,
)
from orchestrator.api.envelope import Envelope, JsonResponse, ListEnvelope, page, single
from orchestrator.api.schemas.evidence import EvidenceResponse
from orchestrator.api.security import CallerDep, SecuredRoute, needs
from orchestrator.domain.caller import Caller
from orchestrator.domain.paging import Page
from orchestrator.domain.vocabulary import Role
from orchestrator.services import evidence
from orchestrator.services.application import Application
from orchestrator.services.evidence import NewEvidence, Place
from orchestrator.store.spool import Spool
from orchestrator.streams import attachment, receive

router = APIRouter(
    prefix="/sampledb/v2/sample/{sha256}/analysis/{analysisID}/evidence",
    route_class=SecuredRoute,
    tags=["evidence"],
)

_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


def _place(sha256: Sha256Path, analysis_id: Annotated[UUID, Path(alias="analysisID")]) -> Place:
    return Place(sha256, analysis_id)


PlaceDep = Annotated[Place, Depends(_place)]


@router.get("", operation_id="listEvidence", response_model=ListEnvelope[EvidenceResponse])
@needs(Role.viewer)
def list_evidence(
    caller: CallerDep, uow: Reading, place: PlaceDep, limit: Limit = DEFAULT_LIMIT, offset: Offset = 0
) -> JsonResponse:
    """The analysis' evidence, oldest first."""
    return page(evidence.list_evidence(uow, caller, place, Page(limit, offset)), EvidenceResponse.of)


@router.post(
    "/{fileName}",
    operation_id="uploadEvidence",
    status_code=201,
    response_model=Envelope[EvidenceResponse],
    openapi_extra=_BODY,
)
@needs(Role.analyzer)
async def upload_evidence(
    request: Request,
    caller: CallerDep,
    app: App,
    place: PlaceDep,
    file_name: Annotated[str, Path(alias="fileName", pattern=SHORT_NAME, max_length=255)],
    internal: bool = False,
    potentially_malicious: Annotated[bool, Query(alias="potentiallyMalicious")] = False,
) -> JsonResponse:
    """Upload a file as the raw body; its content type is that of the request."""
    new = NewEvidence(
        file_name=file_name,
        mime_type=evidence.mime_type_of(request.headers.get("content-type")),
        internal=internal,
        potentially_malicious=potentially_malicious,
    )
    await run_in_threadpool(_check, app, caller, place)
    spool = await run_in_threadpool(app.blobs.spool)
    with spool:
        await receive(request, spool, app.settings.max_evidence_size)
        return await run_in_threadpool(_keep, app, caller, place, new, spool)


def _check(app: Application, caller: Caller, place: Place) -> None:
    """Refuse before the body is read."""
    with app.begin(write=False) as uow:
        evidence.writable(uow, caller, place)


def _keep(app: Application, caller: Caller, place: Place, new: NewEvidence, spool: Spool) -> JsonResponse:
    facts = app.blobs.keep(spool)
    with app.begin() as uow:
        row = evidence.add_evidence(uow, caller, place, new, facts)
    return single(EvidenceResponse.of(row), 201)


@router.get("/{evidenceID}", operation_id="getEvidence", response_model=Envelope[EvidenceResponse])
@needs(Role.viewer)
def get_evidence(
    caller: CallerDep,
    uow: Reading,
    place: PlaceDep,
    evidence_id: Annotated[UUID, Path(alias="evidenceID")],
) -> JsonResponse:
    return single(EvidenceResponse.of(evidence.get_evidence(uow, caller, place, evidence_id)))


@router.get("/{evidenceID}/download", operation_id="getEvidenceData", response_class=Response)
@needs(Role.viewer)
def get_evidence_data(
    caller: CallerDep,
    uow: Reading,
    app: App,
    place: PlaceDep,
    evidence_id: Annotated[UUID, Path(alias="evidenceID")],
) -> Response:
    """The bytes, as the content type that they came with. They may be malware."""
    row, chunks = evidence.download(uow, app.blobs, caller, place, evidence_id)
    return attachment(chunks, row.file_name, evidence.mime_type_of(row.mime_type), row.size)
