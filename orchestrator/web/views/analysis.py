"""What an analysis holds beyond its sample's page: raw JSON, and evidence to save."""

from __future__ import annotations

from uuid import UUID

import orjson
from fastapi import APIRouter
from starlette.responses import Response

from orchestrator.domain.vocabulary import Role
from orchestrator.services import analyses, evidence
from orchestrator.services.evidence import Place
from orchestrator.streams import attachment
from orchestrator.web.security import App, VisitorDep
from orchestrator.web.views.sample import Sha256

router = APIRouter(prefix="/sample/{sha256}/analysis/{analysis_id}")


@router.get("/json")
def raw_json(visitor: VisitorDep, app: App, sha256: Sha256, analysis_id: UUID) -> Response:
    """The result as the worker returned it."""
    visitor.caller.need(Role.viewer)
    with app.begin(write=False) as uow:
        row = analyses.get_analysis(uow, visitor.caller, sha256, analysis_id).analysis
    return Response(orjson.dumps(row.result, option=orjson.OPT_INDENT_2), media_type="application/json")


@router.get("/evidence/{evidence_id}")
def download(visitor: VisitorDep, app: App, sha256: Sha256, analysis_id: UUID, evidence_id: UUID) -> Response:
    """The file, to be saved and never shown, whatever it says it is."""
    visitor.caller.need(Role.viewer)
    place = Place(sha256, analysis_id)
    with app.begin(write=False) as uow:
        row, chunks = evidence.download(uow, app.blobs, visitor.caller, place, evidence_id)
    return attachment(chunks, row.file_name, size=row.size)
