"""Static facts (contract section 7)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AfterValidator

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
from orchestrator.api.schemas.base import no_nul
from orchestrator.api.schemas.fact import StaticFactRequest, StaticFactResponse
from orchestrator.api.security import CallerDep, SecuredRoute, needs
from orchestrator.domain.paging import Page, sort_keys
from orchestrator.domain.vocabulary import Role
from orchestrator.services import facts

router = APIRouter(prefix="/sampledb/v2/sample/{sha256}/fact", route_class=SecuredRoute, tags=["facts"])


@router.get("", operation_id="listStaticFact", response_model=ListEnvelope[StaticFactResponse])
@needs(Role.viewer)
def list_static_fact(
    caller: CallerDep,
    uow: Reading,
    sha256: Sha256Path,
    key: Annotated[list[Annotated[str, AfterValidator(no_nul)]], Query()] = [],
    limit: Limit = DEFAULT_LIMIT,
    offset: Offset = 0,
    sort_by: SortBy = [],
) -> JsonResponse:
    """The sample's facts, or those of any of these keys; by key unless sorted otherwise."""
    wanted = Page(limit, offset, sort_keys(sort_by, facts.SORT_KEYS, "key"))
    return page(facts.list_facts(uow, caller, sha256, key, wanted), StaticFactResponse.of)


@router.post("", operation_id="addStaticFact", status_code=201, response_model=Envelope[StaticFactResponse])
@needs(Role.analyzer)
def add_static_fact(
    caller: CallerDep, uow: Writing, sha256: Sha256Path, body: StaticFactRequest
) -> JsonResponse:
    return single(StaticFactResponse.of(facts.add_fact(uow, caller, sha256, body.new())), 201)
