"""Links between samples (contract section 7)."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path

from orchestrator.api.dependencies import DEFAULT_LIMIT, Limit, Offset, Reading, Sha256Path, Writing
from orchestrator.api.envelope import Envelope, JsonResponse, ListEnvelope, page, single
from orchestrator.api.schemas.link import LinkRequest, LinkResponse, LinkSummaryResponse
from orchestrator.api.security import CallerDep, SecuredRoute, needs
from orchestrator.domain.paging import Page, SortKey
from orchestrator.domain.vocabulary import Role
from orchestrator.services import links

router = APIRouter(prefix="/sampledb/v2/sample/{sha256}/link", route_class=SecuredRoute, tags=["links"])


@router.get("", operation_id="listLinks", response_model=ListEnvelope[LinkResponse])
@needs(Role.viewer)
def list_links(
    caller: CallerDep,
    uow: Reading,
    sha256: Sha256Path,
    limit: Limit = DEFAULT_LIMIT,
    offset: Offset = 0,
) -> JsonResponse:
    """The sample's links that the caller may read, newest first."""
    newest_first = Page(limit, offset, (SortKey("createdTimestamp", descending=True),))
    return page(links.list_links(uow, caller, sha256, newest_first), LinkResponse.of)


@router.post("", operation_id="addLink", response_model=Envelope[LinkResponse])
@needs(Role.analyzer)
def add_link(caller: CallerDep, uow: Writing, sha256: Sha256Path, body: LinkRequest) -> JsonResponse:
    """Relate the sample to another one, which need not be here; no link back is made."""
    return single(LinkResponse.of(links.add_link(uow, caller, sha256, body.new())))


@router.get("/summary", operation_id="getLinkSummary", response_model=Envelope[LinkSummaryResponse])
@needs(Role.viewer)
def get_link_summary(caller: CallerDep, uow: Reading, sha256: Sha256Path) -> JsonResponse:
    """How many links of each type there are, over the first 1000."""
    return single(LinkSummaryResponse.of(links.summarize(uow, caller, sha256)))


@router.get("/{linkID}", operation_id="getLink", response_model=Envelope[LinkResponse])
@needs(Role.viewer)
def get_link(
    caller: CallerDep, uow: Reading, sha256: Sha256Path, link_id: Annotated[UUID, Path(alias="linkID")]
) -> JsonResponse:
    return single(LinkResponse.of(links.get_link(uow, caller, sha256, link_id)))
