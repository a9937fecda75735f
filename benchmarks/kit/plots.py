"""Plots as SVG, made by hand: bars with their ranges need no library."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from benchmarks.kit.figures import Spread

_WIDTH, _LABELS, _BAR, _GAP, _TOP, _BOTTOM = 800, 250, 18, 10, 44, 34
_THICK = 'stroke-width="2"'
_COLOURS = ("#4c78a8", "#f58518", "#54a24b", "#b279a2", "#9d755d")


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar; those of one ``series`` share a colour."""

    label: str
    spread: Spread
    series: str = ""


def bars(title: str, unit: str, rows: Sequence[Bar]) -> str:
    """Horizontal bars from zero to each median, with a line from the lowest to the highest value."""
    highest = _step(max(row.spread.high for row in rows))
    scale = (_WIDTH - _LABELS - 90) / highest
    height = _TOP + len(rows) * (_BAR + _GAP) + _BOTTOM
    series = list(dict.fromkeys(row.series for row in rows))
    parts = [_head(title, height), *_axis(highest, scale, height, unit)]
    for number, row in enumerate(rows):
        top = _TOP + number * (_BAR + _GAP)
        colour = _COLOURS[series.index(row.series) % len(_COLOURS)]
        parts += _bar(row, top, scale, colour)
    if series != [""]:
        parts += _legend(series)
    return "\n".join([*parts, "</svg>", ""])


def _head(title: str, height: int) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" '
        f'height="{height}" font-family="sans-serif" font-size="12" role="img">\n'
        f"<title>{escape(title)}</title>\n"
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>\n'
        f'<text x="10" y="20" font-size="14" font-weight="bold">{escape(title)}</text>'
    )


def _axis(highest: float, scale: float, height: int, unit: str) -> list[str]:
    parts = []
    for part in range(5):
        value = highest * part / 4
        x = _LABELS + value * scale
        parts.append(
            f'<line x1="{x:.1f}" y1="{_TOP - 4}" x2="{x:.1f}" y2="{height - _BOTTOM}" stroke="#dddddd"/>'
            f'<text x="{x:.1f}" y="{height - _BOTTOM + 14}" text-anchor="middle" fill="#555555">'
            f"{_number(value)}</text>"
        )
    parts.append(f'<text x="{_WIDTH - 10}" y="{height - 6}" text-anchor="end">{escape(unit)}</text>')
    return parts


def _bar(row: Bar, top: int, scale: float, colour: str) -> list[str]:
    middle = top + _BAR / 2
    width = row.spread.median * scale
    low, high = (_LABELS + each * scale for each in (row.spread.low, row.spread.high))
    return [
        f'<text x="{_LABELS - 8}" y="{middle + 4}" text-anchor="end">{escape(row.label)}</text>',
        f'<rect x="{_LABELS}" y="{top}" width="{width:.1f}" height="{_BAR}" fill="{colour}"/>',
        f'<line x1="{low:.1f}" y1="{middle}" x2="{high:.1f}" y2="{middle}" stroke="#222222" {_THICK}/>',
        f'<text x="{high + 6:.1f}" y="{middle + 4}">{_number(row.spread.median)}</text>',
    ]


def _legend(series: Sequence[str]) -> list[str]:
    parts, x = [], _LABELS
    for number, name in enumerate(series):
        colour = _COLOURS[number % len(_COLOURS)]
        parts.append(
            f'<rect x="{x}" y="{_TOP - 18}" width="10" height="10" fill="{colour}"/>'
            f'<text x="{x + 14}" y="{_TOP - 9}">{escape(name)}</text>'
        )
        x += 30 + 7 * len(name)
    return parts


def _step(value: float) -> float:
    """The next round number from this one up."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(each * power for each in (1, 2, 4, 5, 8, 10) if each * power >= value * (1 - 1e-9))


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == 0 else f"{value:.3g}"
