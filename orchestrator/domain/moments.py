"""Every form in which the wire may spell a moment (contract section 1.7)."""

from __future__ import annotations

import calendar
import re
from datetime import UTC, datetime, timedelta

_UNITS = {
    "second": ("s", "sec", "secs"),
    "minute": ("m", "min", "mins"),
    "hour": ("h",),
    "day": ("d",),
    "week": ("w",),
    "month": ("M", "mon"),
    "year": ("y",),
}
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}
_MONTHS = {"month": 1, "year": 12}
_NUMBER = re.compile(r"[+-]?[0-9]{1,16}")
_ISO = re.compile(r"[0-9]{4}-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9](?:\.[0-9]{1,6})?Z")
_NOW = re.compile(r"\s*now\s*", re.IGNORECASE)
_STEP = re.compile(r"([+-])\s*([0-9]{1,9})\s*([a-zA-Z]+)\s*")
_AGO = re.compile(r"\s*([0-9]{1,9})\s*([a-zA-Z]+)\s+ago\s*", re.IGNORECASE)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_moment(value: object, now: datetime) -> datetime:
    """A moment from epoch milliseconds, ISO-8601 in UTC, or a text relative to ``now``.

    Relative: ``now``, then any number of ``± N unit``; or ``N unit ago``. Months and years are the
    calendar's, clamped to the month's end. Anything else is a ValueError.
    """
    if isinstance(value, bool) or not isinstance(value, int | str | float):
        raise ValueError(f"{value!r} is not a time")  # noqa: TRY004 - pydantic wants ValueError
    try:
        if isinstance(value, int | float):
            return _EPOCH + timedelta(milliseconds=int(value))
        return _parse_text(value.strip(), now)
    except OverflowError:
        raise ValueError(f"{value!r} lies outside the years 1 to 9999") from None


def _parse_text(text: str, now: datetime) -> datetime:
    if _NUMBER.fullmatch(text):
        return _EPOCH + timedelta(milliseconds=int(text))
    if _ISO.fullmatch(text):
        return datetime.fromisoformat(text)
    if ago := _AGO.fullmatch(text):
        return _shift(now, -int(ago[1]), ago[2])
    if start := _NOW.match(text):
        moment, position = now, start.end()
        while position < len(text):
            step = _STEP.match(text, position)
            if step is None:
                break
            moment = _shift(moment, int(step[1] + step[2]), step[3])
            position = step.end()
        else:
            return moment
    raise ValueError(f"{text!r} is not a time: use epoch milliseconds, 2026-01-31T12:00:00Z or now - 1 month")


def _unit(word: str) -> str:
    for unit, short in _UNITS.items():
        if word in short or word.lower().removesuffix("s") == unit or (word != "M" and word.lower() in short):
            return unit
    raise ValueError(f"{word!r} is not a unit of time")


def _shift(moment: datetime, amount: int, word: str) -> datetime:
    unit = _unit(word)
    if unit in _SECONDS:
        return moment + timedelta(seconds=amount * _SECONDS[unit])
    months = moment.year * 12 + moment.month - 1 + amount * _MONTHS[unit]
    year, month = divmod(months, 12)
    if not 1 <= year <= 9999:  # noqa: PLR2004 - datetime's own range
        raise OverflowError
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)
