"""Every form in which the wire may spell a moment (contract section 1.7)."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.moments import parse_moment

NOW = datetime(2026, 3, 31, 12, 30, 15, 250_000, tzinfo=UTC)


def at(*when: int) -> datetime:
    return datetime(*when, tzinfo=UTC)  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        (0, at(1970, 1, 1)),
        ("0", at(1970, 1, 1)),
        (-1500, at(1969, 12, 31, 23, 59, 58, 500_000)),
        ("-1500", at(1969, 12, 31, 23, 59, 58, 500_000)),
        (1_700_000_000_123, at(2023, 11, 14, 22, 13, 20, 123_000)),
        (1_700_000_000_123.0, at(2023, 11, 14, 22, 13, 20, 123_000)),
        (" 1700000000123 ", at(2023, 11, 14, 22, 13, 20, 123_000)),
        ("2024-02-29T23:59:59Z", at(2024, 2, 29, 23, 59, 59)),
        ("2024-02-29T23:59:59.5Z", at(2024, 2, 29, 23, 59, 59, 500_000)),
    ],
)
def test_absolute_forms(text: object, meant: datetime) -> None:
    """Epoch milliseconds as number or text, and ISO-8601 in UTC."""
    assert parse_moment(text, NOW) == meant


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("now", NOW),
        ("  NOW ", NOW),
        ("now - 1 month", at(2026, 2, 28, 12, 30, 15, 250_000)),
        ("now-1month", at(2026, 2, 28, 12, 30, 15, 250_000)),
        ("now - 1 week", NOW - timedelta(days=7)),
        ("now + 2 days - 1 hour", NOW + timedelta(hours=47)),
        ("now - 13 months", at(2025, 2, 28, 12, 30, 15, 250_000)),
        ("now - 25 mon", at(2024, 2, 29, 12, 30, 15, 250_000)),
        ("now + 1M", at(2026, 4, 30, 12, 30, 15, 250_000)),
        ("now + 1m", NOW + timedelta(minutes=1)),
        ("now - 90s", NOW - timedelta(seconds=90)),
        ("now - 2 Years", at(2024, 3, 31, 12, 30, 15, 250_000)),
        ("now - 1y", at(2025, 3, 31, 12, 30, 15, 250_000)),
        ("3 days ago", NOW - timedelta(days=3)),
        ("1w ago", NOW - timedelta(days=7)),
        ("15 min ago", NOW - timedelta(minutes=15)),
    ],
)
def test_relative_forms(text: str, meant: datetime) -> None:
    """Steps from the present; months and years by the calendar, clamped to the month's end."""
    assert parse_moment(text, NOW) == meant


@pytest.mark.parametrize(
    "text",
    [
        *("", "yesterday", "now -", "now - 1", "now - day", "now - 1 fortnight", "now 1 day", "1 day", "ago"),
        *("2026-01-31", "2026-01-31T12:00:00", "2026-01-31T12:00:00+01:00", "2026-02-30T00:00:00Z"),
        *("now - 1.5 days", "now --1 day", "12h", "1e3", "0x10", "١٢٣ days ago", "now - 1 months ago"),
        *(True, None, [1], {}, b"now", float("nan"), float("inf")),
    ],
)
def test_any_other_form_is_refused(text: object) -> None:
    """What the grammar does not know is no time."""
    with pytest.raises(ValueError):
        parse_moment(text, NOW)


@pytest.mark.parametrize(
    "text", [10**17, -(10**17), "9999999999999999", "now - 9999 years", "now + 999999999 w"]
)
def test_a_moment_beyond_the_calendar_is_refused(text: object) -> None:
    """Years before 1 and after 9999 have no moments."""
    with pytest.raises(ValueError, match=r"outside|not a time"):
        parse_moment(text, NOW)


@given(st.integers(-62_135_596_800_000, 253_402_300_799_999))
def test_milliseconds_mean_the_same_as_number_and_as_text(millis: int) -> None:
    """And are kept exactly."""
    moment = parse_moment(millis, NOW)
    assert parse_moment(str(millis), NOW) == moment
    assert (moment - at(1970, 1, 1)) // timedelta(milliseconds=1) == millis


@given(st.text(max_size=20))
def test_no_text_does_anything_but_parse_or_be_refused(text: str) -> None:
    """A hostile text raises nothing else."""
    with suppress(ValueError):
        assert parse_moment(text, NOW).tzinfo is UTC
