"""What criteria amount to before any database sees them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from orchestrator.domain.criteria import (
    Clause,
    Match,
    MetaData,
    Period,
    SampleCriteria,
    SubmissionCriteria,
    SubmissionTime,
    UserField,
    selected,
    sort_out,
)
from orchestrator.errors import Invalid
from orchestrator.services.search import MAX_CLAUSES, MAX_VALUES, check_size

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("strategy", "fields"),
    [
        ([], ["submittedByUser", "analysedByUser", "linkedByUser"]),
        (["all"], ["submittedByUser", "analysedByUser", "linkedByUser"]),
        (["linkedByUser", "all"], ["submittedByUser", "analysedByUser", "linkedByUser"]),
        (["linkedByUser", "submittedByUser", "linkedByUser"], ["submittedByUser", "linkedByUser"]),
    ],
)
def test_a_strategy_picks_fields(strategy: list[str], fields: list[str]) -> None:
    """All of them where it names none, or all; each once, and never ``all`` itself."""
    assert selected([UserField(each) for each in strategy], UserField) == fields


def test_clauses_are_sorted_by_what_they_are_for() -> None:
    """One that is both required and excluding excludes."""
    optional, required = MetaData(path="o"), MetaData(path="r", required=True)
    excluded, both = MetaData(path="e", exclude=True), MetaData(path="b", required=True, exclude=True)
    found = sort_out([excluded, optional, both, required])
    assert (found.required, found.optional, found.excluded) == ([required], [optional], [excluded, both])


@pytest.mark.parametrize(
    ("period", "asks"),
    [
        (Period(), False),
        (Period(start=NOON), True),
        (Period(end=NOON), True),
        (Period(start=datetime(1970, 1, 1, tzinfo=UTC)), True),
    ],
)
def test_a_period_without_ends_asks_for_nothing(period: Period, asks: bool) -> None:
    assert bool(period) is asks


def test_keywords_of_samples_and_of_submissions_differ_by_default() -> None:
    """Any of them for samples, all of them for submissions (contract section 1.1)."""
    assert SampleCriteria().keyword_match_strategy is Match.any
    assert SubmissionCriteria().keyword_match_strategy is Match.all


def test_the_period_is_that_of_the_timestamps() -> None:
    criteria = SubmissionCriteria(end_timestamp=NOON, time_field_strategy=(SubmissionTime.expiry,))
    assert criteria.period == Period(end=NOON)


def _nested(count: int) -> tuple[SampleCriteria, ...]:
    return tuple(SampleCriteria(sha256=("a",)) for _ in range(count))


@pytest.mark.parametrize(
    "criteria",
    [
        SampleCriteria(sha256=("a",) * MAX_VALUES),
        SampleCriteria(keywords=("a",) * (MAX_CLAUSES - 1)),
        SampleCriteria(sub_criteria=_nested(MAX_CLAUSES - 1)),
    ],
)
def test_a_large_search_is_one_that_a_statement_can_hold(criteria: Clause) -> None:
    check_size(criteria)


@pytest.mark.parametrize(
    "criteria",
    [
        SampleCriteria(sha256=("a",) * MAX_VALUES, md5=("b",) * 10),
        SampleCriteria(keywords=("a",) * MAX_CLAUSES),
        SampleCriteria(sub_criteria=_nested(MAX_CLAUSES)),
        SampleCriteria(sub_criteria=(SampleCriteria(sha1=("c",) * (MAX_VALUES + 1)),)),
    ],
)
def test_a_larger_one_is_refused(criteria: Clause) -> None:
    with pytest.raises(Invalid):
        check_size(criteria)
