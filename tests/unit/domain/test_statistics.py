"""Buckets of time, and requests for statistics that make no sense."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.criteria import SubmissionTime
from orchestrator.domain.statistics import (
    BEGINNING,
    MAX_LEVELS,
    GroupBy,
    GroupField,
    Metric,
    Resolution,
    StatisticsCriteria,
    Timeline,
)
from orchestrator.errors import Invalid

MOMENTS = st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def at(*when: int) -> datetime:
    return datetime(*when, tzinfo=UTC)  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("resolution", "start", "following"),
    [
        (Resolution.hour, at(2026, 10, 15, 3), at(2026, 10, 15, 4)),
        (Resolution.day, at(2026, 10, 15), at(2026, 10, 16)),
        (Resolution.week, at(2026, 10, 12), at(2026, 10, 19)),
        (Resolution.month, at(2026, 10, 1), at(2026, 11, 1)),
        (Resolution.quarter, at(2026, 10, 1), at(2027, 1, 1)),
    ],
)
def test_buckets_begin_in_utc(resolution: Resolution, start: datetime, following: datetime) -> None:
    """Weeks on Mondays, months and quarters by the calendar."""
    assert resolution.floor(at(2026, 10, 15, 3, 59, 59)) == start
    assert resolution.next(start) == following


@given(st.sampled_from(Resolution), MOMENTS)
def test_every_moment_is_in_exactly_one_bucket(resolution: Resolution, moment: datetime) -> None:
    start = resolution.floor(moment)
    assert start <= moment < resolution.next(start)
    assert resolution.floor(start) == start
    assert resolution.floor(resolution.next(start) - timedelta(microseconds=1)) == start


@given(st.sampled_from([Resolution.week, Resolution.month, Resolution.quarter]), MOMENTS, MOMENTS)
def test_the_buckets_of_a_period_leave_no_gap(resolution: Resolution, one: datetime, other: datetime) -> None:
    first, last = sorted((one, other))
    starts = list(resolution.between(first, last))
    assert starts[0] == resolution.floor(first)
    assert starts[-1] == resolution.floor(last)
    assert all(resolution.next(earlier) == later for earlier, later in pairwise(starts))


@pytest.mark.parametrize("resolution", Resolution)
def test_the_calendar_s_ends_have_buckets(resolution: Resolution) -> None:
    """Neither the first moment nor the last overflows."""
    last = at(9999, 12, 31, 23, 59, 59)
    assert resolution.floor(BEGINNING) == BEGINNING
    assert list(resolution.between(last, last)) == [resolution.floor(last)]


METRIC = Metric(name="a", field=SubmissionTime.observed)
TIMELINE = Timeline(name="a", field=SubmissionTime.observed, resolution=Resolution.day)


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"group_by": (GroupBy(field=GroupField.meta_data),)}, "groupBy"),
        ({"group_by": (GroupBy(field=GroupField.tlp),) * (MAX_LEVELS + 1)}, "groupBy"),
        ({"statistics": (METRIC, METRIC)}, "statistics"),
        ({"timeline": (TIMELINE, TIMELINE)}, "timeline"),
        ({"statistics": (METRIC,), "timeline": (TIMELINE,)}, "timeline"),
    ],
)
def test_what_makes_no_sense_names_its_field(options: dict[str, object], field: str) -> None:
    """Names are unique in the whole request."""
    with pytest.raises(Invalid) as caught:
        StatisticsCriteria(**options)  # type: ignore[arg-type]
    assert caught.value.field == field
