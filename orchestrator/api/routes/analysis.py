"""Analyses (contract section 6)."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path

from orchestrator.api.dependencies import DEFAULT_LIMIT, App, Limit, Offset, Reading, Sha256Path, Writing
from orchestrator.api.envelope import Envelope, JsonResponse, ListEnvelope, page, single
from orchestrator.api.schemas.analysis import AnalysisRequest, AnalysisResponse, AnalysisSummaryResponse
from orchestrator.api.security import CallerDep, SecuredRoute, needs
from orchestrator.domain.paging import Page, SortKey
from orchestrator.domain.vocabulary import Role
from orchestrator.services import analyses

router = APIRouter(
    prefix="/sampledb/v2/sample/{sha256}/analysis", route_class=SecuredRoute, tags=["analyses"]
)


@router.get("", operation_id="listAnalysis", response_model=ListEnvelope[AnalysisResponse])
@needs(Role.viewer)
def list_analysis(
    caller: CallerDep,
    uow: Reading,
    sha256: Sha256Path,
    limit: Limit = DEFAULT_LIMIT,
    offset: Offset = 0,
) -> JsonResponse:
    """The sample's analyses that the caller may read, newest first."""
    newest_first = Page(limit, offset, (SortKey("createdTimestamp", descending=True),))
    return page(analyses.list_analyses(uow, caller, sha256, newest_first), AnalysisResponse.of)


@router.post("", operation_id="addAnalysis", response_model=Envelope[AnalysisResponse])
@needs(Role.analyzer)
def add_analysis(
    caller: CallerDep, uow: Writing, app: App, sha256: Sha256Path, body: AnalysisRequest
) -> JsonResponse:
    shown = analyses.add_analysis(uow, app.settings, caller, sha256, body.new())
    return single(AnalysisResponse.of(shown))


@router.get("/summary", operation_id="getAnalysisSummary", response_model=Envelope[AnalysisSummaryResponse])
@needs(Role.viewer)
def get_analysis_summary(caller: CallerDep, uow: Reading, sha256: Sha256Path) -> JsonResponse:
    """Who analysed the sample, and the latest analysis."""
    return single(AnalysisSummaryResponse.of(analyses.summarize(uow, caller, sha256)))


@router.get("/{analysisID}", operation_id="getAnalysis", response_model=Envelope[AnalysisResponse])
@needs(Role.viewer)
def get_analysis(
    caller: CallerDep,
    uow: Reading,
    sha256: Sha256Path,
    analysis_id: Annotated[UUID, Path(alias="analysisID")],
) -> JsonResponse:
    return single(AnalysisResponse.of(analyses.get_analysis(uow, caller, sha256, analysis_id)))
