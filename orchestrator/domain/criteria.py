"""What a search asks for (contract sections 1.6, 4.1, 5.3), free of how it is spelled and stored.

Different criteria must all be met, of several values of one any will do; an empty one asks for nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Generic, TypeVar
from uuid import UUID

from orchestrator.domain.vocabulary import LinkType, Tlp


class Match(StrEnum):
    """How many of several things must match."""

    all = "all"
    any = "any"


class SampleField(StrEnum):
    """Where a sample search looks for keywords."""

    all = "all"
    sha256 = "sha256"
    sha512 = "sha512"
    sha1 = "sha1"
    md5 = "md5"
    submission = "submission"
    analysis = "analysis"
    link = "link"
    #: The latest one alone, as with ``verdict``: it is what the sample shows.
    classification = "classification"
    verdict = "verdict"
    fact = "fact"


class SubmissionField(StrEnum):
    """Where a submission search looks for keywords."""

    all = "all"
    id = "id"
    sample_sha256 = "sampleSha256"
    file_name = "fileName"
    mime_type = "mimeType"
    meta_data = "metaData"
    tlp = "tlp"
    user_agent = "userAgent"


class SampleTime(StrEnum):
    """Which moment of a sample, or of something that belongs to it, must lie in a period."""

    all = "all"
    sample_created = "sampleCreated"
    classification_created = "classificationCreated"
    submission_created = "submissionCreated"
    submission_observed = "submissionObserved"
    submission_expiry = "submissionExpiry"
    first_submitted = "firstSubmitted"
    last_submitted = "lastSubmitted"
    analysis_created = "analysisCreated"
    link_created = "linkCreated"


class SubmissionTime(StrEnum):
    """Which moment of a submission must lie in a period."""

    all = "all"
    submitted = "submittedTimestamp"
    observed = "observedTimestamp"
    expiry = "expiryTimestamp"


class UserField(StrEnum):
    """What a user must have done to a sample."""

    all = "all"
    submitted = "submittedByUser"
    analysed = "analysedByUser"
    linked = "linkedByUser"


class SubmissionFlag(StrEnum):
    trusted_agent = "trustedAgent"
    event_generated_normal = "eventGeneratedNormal"
    event_generated_alerted = "eventGeneratedAlerted"
    event_generated_alerted_flood = "eventGeneratedAlertedFlood"


class VerdictFlag(StrEnum):
    manual = "manual"
    shared = "shared"
    contradicting = "contradictingStatusOverrides"


E = TypeVar("E", bound=StrEnum)


def selected(strategy: Iterable[E], kind: type[E]) -> list[E]:
    """The fields that a strategy picks: all but ``all`` itself where it names that, or none."""
    picked = set(strategy)
    every = not picked or any(each.value == "all" for each in picked)
    return [each for each in kind if each.value != "all" and (every or each in picked)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A span of time; both ends belong to it, an absent one is open."""

    start: datetime | None = None
    end: datetime | None = None

    def __bool__(self) -> bool:
        return self.start is not None or self.end is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """A criterion of which there may be several.

    Where there are optional ones, one of them must match; every required one must; none that excludes may.
    """

    required: bool = False
    exclude: bool = False


C = TypeVar("C", bound=Clause)


@dataclass(frozen=True, slots=True)
class Sorted(Generic[C]):
    """Clauses by what they are for. One that is both required and excluding excludes."""

    required: list[C]
    optional: list[C]
    excluded: list[C]


def sort_out(clauses: Iterable[C]) -> Sorted[C]:
    found: Sorted[C] = Sorted([], [], [])
    for clause in clauses:
        if clause.exclude:
            found.excluded.append(clause)
        elif clause.required:
            found.required.append(clause)
        else:
            found.optional.append(clause)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class MetaData(Clause):
    """A value in a document under ``path``: a key, or several that dots join. No value: anything there."""

    path: str
    value: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """A user agent of one of these names, in one of these versions."""

    name: tuple[str, ...] = ()
    version: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    type: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisClause(Clause):
    user_agent: tuple[Agent, ...] = ()
    analysis_result: tuple[MetaData, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassificationClause(Clause):
    type: tuple[str, ...] = ()
    super_type: tuple[str, ...] = ()
    arch: tuple[str, ...] = ()
    platform: tuple[str, ...] = ()
    version: tuple[str, ...] = ()
    meta_data: tuple[MetaData, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FactClause(Clause):
    key: tuple[str, ...] = ()
    value: tuple[str, ...] = ()
    user_agent: tuple[Agent, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkClause(Clause):
    link_type: tuple[LinkType, ...] = ()
    reference: tuple[str, ...] = ()
    user_agent: tuple[Agent, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionClause(Clause):
    file_name: tuple[str, ...] = ()
    mime_type: tuple[str, ...] = ()
    include_flags: tuple[SubmissionFlag, ...] = ()
    exclude_flags: tuple[SubmissionFlag, ...] = ()
    meta_data: tuple[MetaData, ...] = ()
    user_agent: tuple[Agent, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictClause(Clause):
    minimum_score: int | None = None
    maximum_score: int | None = None
    include_flags: tuple[VerdictFlag, ...] = ()
    exclude_flags: tuple[VerdictFlag, ...] = ()
    tags: tuple[Tag, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleCriteria(Clause):
    """What a sample must be. Customers and users are named by id or short name."""

    sha256: tuple[str, ...] = ()
    sha512: tuple[str, ...] = ()
    sha1: tuple[str, ...] = ()
    md5: tuple[str, ...] = ()
    customer: tuple[str, ...] = ()
    user: tuple[str, ...] = ()
    user_field_strategy: tuple[UserField, ...] = ()
    user_match_strategy: Match = Match.any
    tlp: tuple[Tlp, ...] = ()
    keywords: tuple[str, ...] = ()
    keyword_field_strategy: tuple[SampleField, ...] = ()
    keyword_match_strategy: Match = Match.any
    start_timestamp: datetime | None = None
    end_timestamp: datetime | None = None
    time_field_strategy: tuple[SampleTime, ...] = ()
    time_match_strategy: Match = Match.any
    analysis: tuple[AnalysisClause, ...] = ()
    classification: tuple[ClassificationClause, ...] = ()
    fact: tuple[FactClause, ...] = ()
    link: tuple[LinkClause, ...] = ()
    submission: tuple[SubmissionClause, ...] = ()
    verdict: tuple[VerdictClause, ...] = ()
    sub_criteria: tuple[SampleCriteria, ...] = ()

    @property
    def period(self) -> Period:
        return Period(start=self.start_timestamp, end=self.end_timestamp)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionCriteria(SubmissionClause):
    """What a submission must be. Customers are named by id or short name."""

    id: tuple[UUID, ...] = ()
    sample_sha256: tuple[str, ...] = ()
    customer: tuple[str, ...] = ()
    tlp: tuple[Tlp, ...] = ()
    keywords: tuple[str, ...] = ()
    keyword_field_strategy: tuple[SubmissionField, ...] = ()
    keyword_match_strategy: Match = Match.all
    start_timestamp: datetime | None = None
    end_timestamp: datetime | None = None
    time_field_strategy: tuple[SubmissionTime, ...] = ()
    time_match_strategy: Match = Match.any
    sub_criteria: tuple[SubmissionCriteria, ...] = ()

    @property
    def period(self) -> Period:
        return Period(start=self.start_timestamp, end=self.end_timestamp)
