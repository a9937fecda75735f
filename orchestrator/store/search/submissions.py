"""Searching submissions (contract section 5.3). All criteria are conditions on the one row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, joinedload

from orchestrator.domain.caller import Caller
from orchestrator.domain.criteria import (
    Period,
    SubmissionClause,
    SubmissionCriteria,
    SubmissionField,
    SubmissionTime,
    selected,
)
from orchestrator.domain.paging import Found, Page
from orchestrator.store.access import customer_ids
from orchestrator.store.paging import paged
from orchestrator.store.search.conditions import (
    Condition,
    Documents,
    agents,
    beginning,
    clauses,
    contains,
    every,
    matching,
    one_of,
    text_is,
    within,
    words,
)
from orchestrator.store.search.planner import prepare
from orchestrator.store.search.sight import Sight
from orchestrator.store.tables import Submission

SORT: dict[str, Any] = {
    "fileName": beginning(Submission.file_name),
    "mimeType": beginning(Submission.mime_type),
    "expiryTimestamp": Submission.expiry_at,
    "observedTimestamp": Submission.observed_at,
    "submittedTimestamp": Submission.submitted_at,
}
DEFAULT_SORT = "-observedTimestamp"

MOMENTS = {
    SubmissionTime.submitted: Submission.submitted_at,
    SubmissionTime.observed: Submission.observed_at,
    SubmissionTime.expiry: Submission.expiry_at,
}
_SECTIONS = {
    SubmissionField.id: "id",
    SubmissionField.sample_sha256: "sample_sha256",
    SubmissionField.file_name: "file_name",
    SubmissionField.mime_type: "mime_type",
    SubmissionField.meta_data: "meta_data",
    SubmissionField.tlp: "tlp",
    SubmissionField.user_agent: "user_agent_name",
}


class SubmissionQuery:
    """Which submissions a caller finds."""

    def __init__(self, session: Session, caller: Caller) -> None:
        self._session = session
        self._sight = Sight(session, caller)
        self._documents = Documents(session.get_bind().dialect.name)

    def matching(self, criteria: SubmissionCriteria, index: Period) -> list[Condition]:
        """The conditions on a submission of the index period."""
        return self._sight.submissions() + within(Submission.submitted_at, index) + self._all(criteria)

    def select(self, criteria: SubmissionCriteria, index: Period) -> Select[Submission]:
        return select(Submission).where(*self.matching(criteria, index))

    def clause(self, wanted: SubmissionClause) -> list[Condition]:
        """What the criteria for samples and for submissions have in common."""
        return [
            *text_is(Submission.file_name, wanted.file_name),
            *text_is(Submission.mime_type, wanted.mime_type),
            *agents(Submission, wanted.user_agent),
            *self._documents.metadata(Submission.meta_data, wanted.meta_data),
            *self._documents.flags(Submission.flags, wanted.include_flags, wanted.exclude_flags),
        ]

    def _all(self, criteria: SubmissionCriteria) -> list[Condition]:
        conditions = self.clause(criteria)
        conditions += one_of(Submission.id, criteria.id)
        conditions += one_of(Submission.sample_sha256, [each.lower() for each in criteria.sample_sha256])
        conditions += one_of(Submission.tlp, criteria.tlp)
        if criteria.customer:
            conditions.append(Submission.customer_id.in_(customer_ids(self._session, criteria.customer)))
        conditions += _keywords(criteria) + _times(criteria)
        return conditions + clauses(criteria.sub_criteria, lambda each: every(self._all(each)))


def _keywords(criteria: SubmissionCriteria) -> list[Condition]:
    picked = selected(criteria.keyword_field_strategy, SubmissionField)
    fields: Sequence[str] = () if len(picked) == len(_SECTIONS) else [_SECTIONS[each] for each in picked]
    found = [contains(Submission, word, fields) for word in words(criteria.keywords)]
    return [matching(found, criteria.keyword_match_strategy)] if found else []


def _times(criteria: SubmissionCriteria) -> list[Condition]:
    if not criteria.period:
        return []
    picked = selected(criteria.time_field_strategy, SubmissionTime)
    moments = [every(within(MOMENTS[each], criteria.period)) for each in picked]
    return [matching(moments, criteria.time_match_strategy)]


def search_submissions(
    session: Session, caller: Caller, criteria: SubmissionCriteria, index: Period, page: Page
) -> Found[Submission]:
    """The submissions that the caller may read and that match, within the index period."""
    prepare(session)
    statement = SubmissionQuery(session, caller).select(criteria, index)
    shown = statement.options(joinedload(Submission.customer))
    return paged(session, shown, page, SORT, Submission.id)
