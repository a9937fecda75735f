"""Searching samples (contract section 4.1).

What a criterion says about a sample's submissions, analyses and so on becomes a select of hashes. IN
joins such a select, NOT EXISTS leaves it out; where one of several will do, the few hashes of a narrow
union are looked up, and a wide one is tried on one sample after the other until the page is full.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Select, Text, not_, or_, select, type_coerce, union_all
from sqlalchemy.orm import Session, aliased

from orchestrator.domain.caller import Caller
from orchestrator.domain.criteria import C, Match, Period, SampleCriteria, UserField, selected, sort_out
from orchestrator.domain.paging import Found, Page
from orchestrator.store.access import customer_ids, subject_ids
from orchestrator.store.paging import paged
from orchestrator.store.search.conditions import Condition, one_of, within, words
from orchestrator.store.search.parts import Parts
from orchestrator.store.search.planner import is_small, prepare
from orchestrator.store.tables import SampleClassification, SampleRow

_Latest = aliased(SampleClassification)

#: Both spellings of the contract for the last three.
SORT: dict[str, Any] = {
    "sampleCreatedTimestamp": SampleRow.created_at,
    "sampleSize": SampleRow.size,
    # coerced, so that it counts as nullable: it comes from an outer join
    "sampleClassificationType": type_coerce(_Latest.type, Text),
    "lastUpdatedSubmission": SampleRow.last_submitted_at,
    "lastUpdatedAnalysis": SampleRow.last_analysis_at,
    "lastUpdatedLink": SampleRow.last_link_at,
    "lastAddedSubmission": SampleRow.last_submitted_at,
    "lastAddedAnalysis": SampleRow.last_analysis_at,
    "lastAddedLink": SampleRow.last_link_at,
}
DEFAULT_SORT = "-sampleCreatedTimestamp"

Hashes = Select[str]


class SampleQuery:
    """Which samples a caller finds."""

    def __init__(self, session: Session, caller: Caller, index: Period) -> None:
        self._session = session
        self._caller = caller
        self._index = index
        self._parts = Parts(session, caller, index)

    def select(self, criteria: SampleCriteria) -> Select[SampleRow]:
        """The samples of the index period that are not deleted, that the caller may see, and that match."""
        statement = select(SampleRow).where(*self._live(SampleRow))
        if not self._caller.sees_all:
            statement = statement.where(_has(SampleRow, self._parts.submissions()))
        return statement.where(*self._all(SampleRow, criteria))

    def _live(self, sample: Any) -> list[Condition]:
        return [sample.deleted_at.is_(None), *within(sample.created_at, self._index)]

    def _hashes(self, criteria: SampleCriteria) -> Hashes:
        """The hashes of the samples that meet criteria of their own, whoever asks."""
        sample = aliased(SampleRow)
        return select(sample.sha256).where(*self._live(sample), *self._all(sample, criteria))

    def _all(self, sample: Any, criteria: SampleCriteria) -> list[Condition]:
        conditions: list[Condition] = []
        for name in ("sha256", "sha512", "sha1", "md5"):
            conditions += one_of(getattr(sample, name), [each.lower() for each in getattr(criteria, name)])
        conditions += self._belongings(sample, criteria)
        conditions += self._keywords(sample, criteria) + self._times(sample, criteria)
        parts = self._parts
        conditions += self._clauses(sample, criteria.analysis, parts.analysis)
        conditions += self._clauses(sample, criteria.classification, parts.classification)
        conditions += self._clauses(sample, criteria.fact, parts.fact)
        conditions += self._clauses(sample, criteria.link, parts.link)
        conditions += self._clauses(sample, criteria.submission, parts.submission)
        conditions += self._clauses(sample, criteria.verdict, parts.verdict)
        return conditions + self._clauses(sample, criteria.sub_criteria, self._hashes)

    def _belongings(self, sample: Any, criteria: SampleCriteria) -> list[Condition]:
        """Customers, users and TLP: whose the things are that belong to the sample."""
        conditions: list[Condition] = []
        if criteria.customer:
            ids = customer_ids(self._session, criteria.customer)
            conditions.append(self._in(sample, [self._parts.of_customers(ids)]))
        if criteria.user:
            ids = subject_ids(self._session, criteria.user)
            fields = selected(criteria.user_field_strategy, UserField)
            by_field = [self._parts.of_users(each, ids) for each in fields]
            conditions += self._matching(sample, by_field, criteria.user_match_strategy)
        if criteria.tlp:
            conditions.append(self._in(sample, self._parts.of_tlp(criteria.tlp)))
        return conditions

    def _keywords(self, sample: Any, criteria: SampleCriteria) -> list[Condition]:
        keywords = words(criteria.keywords)
        if not keywords:
            return []
        fields = criteria.keyword_field_strategy
        if criteria.keyword_match_strategy is Match.any:
            return [self._in(sample, self._parts.of_keywords(keywords, fields))]
        return [self._in(sample, self._parts.of_keywords([each], fields)) for each in keywords]

    def _times(self, sample: Any, criteria: SampleCriteria) -> list[Condition]:
        if not criteria.period:
            return []
        moments = self._parts.of_period(criteria.period, criteria.time_field_strategy)
        return self._matching(sample, moments, criteria.time_match_strategy)

    def _matching(self, sample: Any, parts: Sequence[Hashes], match: Match) -> list[Condition]:
        if match is Match.any:
            return [self._in(sample, parts)]
        return [self._in(sample, [each]) for each in parts]

    def _in(self, sample: Any, parts: Sequence[Hashes]) -> Condition:
        """The sample is among the hashes of any of these."""
        if len(parts) > 1:
            union = union_all(*parts)
            if not is_small(self._session, union):
                return or_(*(_has(sample, each) for each in parts))
        condition: Condition = sample.sha256.in_(union if len(parts) > 1 else parts[0])
        return condition

    def _clauses(self, sample: Any, wanted: Sequence[C], hashes: Callable[[C], Hashes]) -> list[Condition]:
        found = sort_out(wanted)
        conditions = [self._in(sample, [hashes(each)]) for each in found.required]
        if found.optional:
            conditions.append(self._in(sample, [hashes(each) for each in found.optional]))
        return conditions + [not_(_has(sample, hashes(each))) for each in found.excluded]


def _has(sample: Any, hashes: Hashes) -> Condition:
    """The sample is among the hashes, asked of one sample at a time."""
    (sha256,) = hashes.selected_columns
    return hashes.where(sha256 == sample.sha256).correlate(sample).exists()


def search_samples(
    session: Session, caller: Caller, criteria: SampleCriteria, index: Period, page: Page
) -> Found[SampleRow]:
    """The samples that the caller may see and that match, within the index period."""
    prepare(session)
    statement = SampleQuery(session, caller, index).select(criteria)
    if any(key.name == "sampleClassificationType" for key in page.sort):
        statement = statement.outerjoin(_Latest, _Latest.id == SampleRow.latest_classification_id)
    return paged(session, statement, page, SORT, SampleRow.sha256)
