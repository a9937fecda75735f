"""Simple and advanced search for samples and for submissions (contract sections 4.1 and 5.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, TypeVar

from fastapi import APIRouter, Query
from pydantic import AfterValidator

from orchestrator.api.dependencies import DEFAULT_LIMIT, Limit, Moment, Offset, Reading, SortBy
from orchestrator.api.envelope import JsonResponse, ListEnvelope, page
from orchestrator.api.schemas.base import no_nul
from orchestrator.api.schemas.sample import SampleMetaDataResponse
from orchestrator.api.schemas.search import (
    SampleSearchRequest,
    SubmissionSearchRequest,
    index_period,
    sample_page,
    submission_sort,
)
from orchestrator.api.schemas.submission import SubmissionResponse
from orchestrator.api.security import CallerDep, SecuredRoute, needs
from orchestrator.domain.criteria import (
    Match,
    SampleCriteria,
    SampleField,
    SubmissionCriteria,
    SubmissionField,
)
from orchestrator.domain.paging import Page
from orchestrator.domain.vocabulary import Role
from orchestrator.services import search
from orchestrator.store.tables import AccessGrant, Submission

router = APIRouter(prefix="/sampledb/v2", route_class=SecuredRoute, tags=["search"])

F = TypeVar("F")

Keywords = Annotated[list[Annotated[str, AfterValidator(no_nul)]], Query()]
FieldStrategy = Annotated[list[F], Query(alias="keywordFieldStrategy")]
MatchStrategy = Annotated[Match, Query(alias="keywordMatchStrategy")]
IndexStart = Annotated[Moment | None, Query(alias="indexStartTimestamp")]
IndexEnd = Annotated[Moment | None, Query(alias="indexEndTimestamp")]


@router.get("/sample", operation_id="simpleSearch", response_model=ListEnvelope[SampleMetaDataResponse])
@needs(Role.viewer)
def simple_search(
    caller: CallerDep,
    uow: Reading,
    keywords: Keywords = [],
    fields: FieldStrategy[SampleField] = [],
    match: MatchStrategy = Match.any,
    index_start: IndexStart = None,
    index_end: IndexEnd = None,
    limit: Limit = DEFAULT_LIMIT,
    offset: Offset = 0,
    sort_by: SortBy = [],
) -> JsonResponse:
    """The samples in which the keywords are found."""
    criteria = SampleCriteria(
        keywords=tuple(keywords), keyword_field_strategy=tuple(fields), keyword_match_strategy=match
    )
    wanted, index = sample_page(limit, offset, sort_by), index_period(index_start, index_end)
    return page(search.search_samples(uow, caller, criteria, index, wanted), SampleMetaDataResponse.of)


@router.post(
    "/sample/search", operation_id="advancedSearch", response_model=ListEnvelope[SampleMetaDataResponse]
)
@needs(Role.viewer)
def advanced_search(caller: CallerDep, uow: Reading, body: SampleSearchRequest) -> JsonResponse:
    """The samples that meet all criteria."""
    found = search.search_samples(uow, caller, body.to_domain(), body.index, body.page)
    return page(found, SampleMetaDataResponse.of)


@router.get(
    "/submission", operation_id="submissionSimpleSearch", response_model=ListEnvelope[SubmissionResponse]
)
@needs(Role.viewer)
def submission_simple_search(
    caller: CallerDep,
    uow: Reading,
    keywords: Keywords = [],
    fields: FieldStrategy[SubmissionField] = [],
    match: MatchStrategy = Match.any,
    index_start: IndexStart = None,
    index_end: IndexEnd = None,
    limit: Limit = DEFAULT_LIMIT,
    offset: Offset = 0,
    sort_by: SortBy = [],
) -> JsonResponse:
    """The submissions in which the keywords are found."""
    criteria = SubmissionCriteria(
        keywords=tuple(keywords), keyword_field_strategy=tuple(fields), keyword_match_strategy=match
    )
    wanted = Page(limit, offset, submission_sort(sort_by))
    index = index_period(index_start, index_end)
    return page(search.search_submissions(uow, caller, criteria, index, wanted), _show)


@router.post(
    "/submission/search",
    operation_id="submissionAdvancedSearch",
    response_model=ListEnvelope[SubmissionResponse],
)
@needs(Role.viewer)
def submission_advanced_search(
    caller: CallerDep, uow: Reading, body: SubmissionSearchRequest
) -> JsonResponse:
    """The submissions that meet all criteria."""
    return page(search.search_submissions(uow, caller, body.to_domain(), body.index, body.page), _show)


def _show(found: tuple[Submission, Sequence[AccessGrant]]) -> SubmissionResponse:
    return SubmissionResponse.of(*found)
