"""Verdicts (contract section 8)."""

from __future__ import annotations

from fastapi import APIRouter

from orchestrator.api.dependencies import (
    DEFAULT_LIMIT,
    Limit,
    Offset,
    Reading,
    Sha256Path,
    SortBy,
    Writing,
)
from orchestrator.api.envelope import Envelope, JsonResponse, ListEnvelope, page, single
from orchestrator.api.schemas.verdict import VerdictRequest, VerdictResponse
from orchestrator.api.security import CallerDep, SecuredRoute, needs
from orchestrator.domain.paging import Page, sort_keys
from orchestrator.domain.vocabulary import Role
from orchestrator.services import verdicts

router = APIRouter(prefix="/sampledb/v2/sample/{sha256}/verdict", route_class=SecuredRoute, tags=["verdicts"])


@router.get("", operation_id="listVerdicts", response_model=ListEnvelope[VerdictResponse])
@needs(Role.viewer)
def list_verdicts(
    caller: CallerDep,
    uow: Reading,
    sha256: Sha256Path,
    limit: Limit = DEFAULT_LIMIT,
    offset: Offset = 0,
    sort_by: SortBy = [],
) -> JsonResponse:
    """The sample's verdicts, newest first unless sorted otherwise."""
    wanted = Page(limit, offset, sort_keys(sort_by, verdicts.SORT_KEYS, "-createdTimestamp"))
    return page(verdicts.list_verdicts(uow, caller, sha256, wanted), VerdictResponse.of)


@router.post("", operation_id="addVerdict", status_code=201, response_model=Envelope[VerdictResponse])
@needs(Role.analyzer)
def add_verdict(caller: CallerDep, uow: Writing, sha256: Sha256Path, body: VerdictRequest) -> JsonResponse:
    """Judge by hand; later automatic verdicts carry this status."""
    verdict = verdicts.add_verdict(uow, caller, sha256, body.comment, body.status_override)
    return single(VerdictResponse.of(verdict), 201)
