"""What searches ask for, on the wire (contract sections 4.1 and 5.3)."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from typing import Annotated, Any, ClassVar, TypeVar
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field

from orchestrator.api.dependencies import DEFAULT_LIMIT, Moment, Reference, as_list
from orchestrator.api.schemas.base import TlpRequest, Whole, Wire, no_nul
from orchestrator.domain import criteria
from orchestrator.domain.clock import now
from orchestrator.domain.criteria import (
    Match,
    Period,
    SampleField,
    SampleTime,
    SubmissionField,
    SubmissionFlag,
    SubmissionTime,
    UserField,
    VerdictFlag,
)
from orchestrator.domain.moments import parse_moment
from orchestrator.domain.paging import MAX_SEARCH, Page, sort_keys
from orchestrator.domain.vocabulary import LinkType
from orchestrator.store.search import samples, submissions

T = TypeVar("T")

#: The index period of a request that names none (contract section 1.1).
INDEX_START, INDEX_END = "now - 1 month", "now"


def _listed(value: Any) -> Any:
    return [] if value is None else as_list(value)


Many = Annotated[list[T], BeforeValidator(_listed)]
Text = Annotated[str, AfterValidator(no_nul), Field(max_length=4096)]
Path = Annotated[str, AfterValidator(no_nul), Field(pattern=r"^\S+$", max_length=1024)]
Score = Annotated[int, Field(ge=-1, le=100)]
Named = Annotated[Reference, AfterValidator(no_nul)]


def index_period(start: datetime | None, end: datetime | None) -> Period:
    """The index period, an absent end at its default."""
    present = now()
    return Period(
        start=parse_moment(INDEX_START, present) if start is None else start,
        end=parse_moment(INDEX_END, present) if end is None else end,
    )


class Criterion(Wire):
    """A model that stands for a value of ``domain/criteria.py`` with the same fields."""

    makes: ClassVar[type[Any]]

    def to_domain(self) -> Any:
        known = type(self).model_fields.keys() & {each.name for each in fields(self.makes)}
        return self.makes(**{name: _plain(getattr(self, name)) for name in known})


def _plain(value: Any) -> Any:
    if isinstance(value, Criterion):
        return value.to_domain()
    return tuple(_plain(each) for each in value) if isinstance(value, list) else value


class Clause(Criterion):
    required: bool = False
    exclude: bool = False


class MetaDataRequest(Clause):
    makes = criteria.MetaData

    path: Path
    value: Many[Text] = []


class AgentRequest(Criterion):
    makes = criteria.Agent

    name: Many[Text] = []
    version: Many[Text] = []


class TagRequest(Criterion):
    makes = criteria.Tag

    type: Annotated[str, Field(pattern="^(family|behaviour|yara)$")]
    value: Text


class AnalysisCriterion(Clause):
    makes = criteria.AnalysisClause

    user_agent: Many[AgentRequest] = []
    analysis_result: Many[MetaDataRequest] = []


class ClassificationCriterion(Clause):
    makes = criteria.ClassificationClause

    type: Many[Text] = []
    super_type: Many[Text] = []
    arch: Many[Text] = []
    platform: Many[Text] = []
    version: Many[Text] = []
    meta_data: Many[MetaDataRequest] = []


class FactCriterion(Clause):
    makes = criteria.FactClause

    key: Many[Text] = []
    value: Many[Text] = []
    user_agent: Many[AgentRequest] = []


class LinkCriterion(Clause):
    makes = criteria.LinkClause

    link_type: Many[LinkType] = []
    reference: Many[Text] = []
    user_agent: Many[AgentRequest] = []


class SubmissionCriterion(Clause):
    makes = criteria.SubmissionClause

    file_name: Many[Text] = []
    mime_type: Many[Text] = []
    include_flags: Many[SubmissionFlag] = []
    exclude_flags: Many[SubmissionFlag] = []
    meta_data: Many[MetaDataRequest] = []
    user_agent: Many[AgentRequest] = []


class VerdictCriterion(Clause):
    makes = criteria.VerdictClause

    minimum_score: Score | None = None
    maximum_score: Score | None = None
    include_flags: Many[VerdictFlag] = []
    exclude_flags: Many[VerdictFlag] = []
    tags: Many[TagRequest] = []


class SampleCriterion(Clause):
    """One of ``subCriteria``; the search itself has the same fields."""

    makes = criteria.SampleCriteria

    sha256: Many[Text] = []
    sha512: Many[Text] = []
    sha1: Many[Text] = []
    md5: Many[Text] = []
    customer: Many[Named] = []
    user: Many[Named] = []
    user_field_strategy: Many[UserField] = []
    user_match_strategy: Match = Match.any
    tlp: Many[TlpRequest] = []
    keywords: Many[Text] = []
    keyword_field_strategy: Many[SampleField] = []
    keyword_match_strategy: Match = Match.any
    start_timestamp: Moment | None = None
    end_timestamp: Moment | None = None
    time_field_strategy: Many[SampleTime] = []
    time_match_strategy: Match = Match.any
    analysis: Many[AnalysisCriterion] = []
    classification: Many[ClassificationCriterion] = []
    fact: Many[FactCriterion] = []
    link: Many[LinkCriterion] = []
    submission: Many[SubmissionCriterion] = []
    verdict: Many[VerdictCriterion] = []


class SubmissionSubCriterion(SubmissionCriterion):
    """One of ``subCriteria``; the search itself has the same fields."""

    makes = criteria.SubmissionCriteria

    id: Many[UUID] = []
    sample_sha256: Many[Text] = []
    customer: Many[Named] = []
    tlp: Many[TlpRequest] = []
    keywords: Many[Text] = []
    keyword_field_strategy: Many[SubmissionField] = []
    keyword_match_strategy: Match = Match.all
    start_timestamp: Moment | None = None
    end_timestamp: Moment | None = None
    time_field_strategy: Many[SubmissionTime] = []
    time_match_strategy: Match = Match.any


class Indexed(Wire):
    """The index period of a search."""

    index_start_timestamp: Moment | None = None
    index_end_timestamp: Moment | None = None

    @property
    def index(self) -> Period:
        return index_period(self.index_start_timestamp, self.index_end_timestamp)


class Paged(Wire):
    limit: Whole = DEFAULT_LIMIT
    offset: Whole = 0
    sort_by: Many[str] = []


class SampleSearchRequest(SampleCriterion, Indexed, Paged):
    sub_criteria: Many[SampleCriterion] = []

    @property
    def page(self) -> Page:
        return sample_page(self.limit, self.offset, self.sort_by)


class SubmissionSearchRequest(SubmissionSubCriterion, Indexed, Paged):
    sub_criteria: Many[SubmissionSubCriterion] = []

    @property
    def page(self) -> Page:
        return Page(self.limit, self.offset, submission_sort(self.sort_by), MAX_SEARCH)


def sample_page(limit: int, offset: int, sort_by: list[str]) -> Page:
    return Page(limit, offset, sort_keys(sort_by, list(samples.SORT), samples.DEFAULT_SORT), MAX_SEARCH)


def submission_sort(sort_by: list[str]) -> Any:
    return sort_keys(sort_by, list(submissions.SORT), submissions.DEFAULT_SORT)
