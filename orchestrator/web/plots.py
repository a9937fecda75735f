"""Small plots as coordinates for inline SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.services.overview import Bucket

WIDTH = 600
HEIGHT = 120
_GAP = 2


@dataclass(frozen=True, slots=True)
class Rect:
    x: float
    y: float
    width: float
    height: float
    series: int
    title: str


@dataclass(frozen=True, slots=True)
class Plot:
    """Rectangles in a box of :data:`WIDTH` by :data:`HEIGHT`, and the value at its top."""

    rects: Sequence[Rect]
    top: float
    totals: Sequence[float]


def bars(buckets: Sequence[Bucket], names: Sequence[str], *, stacked: bool, unit: str = "") -> Plot:
    """One bar per bucket and series, side by side or on top of one another."""
    heights = [sum(each.values) if stacked else max(each.values, default=0) for each in buckets]
    top = max([*heights, 1.0])
    step = WIDTH / max(1, len(buckets))
    rects = []
    for index, bucket in enumerate(buckets):
        base = 0.0
        width = step - _GAP if stacked else (step - _GAP) / len(names)
        for series, value in enumerate(bucket.values):
            if value:
                height = HEIGHT * value / top
                x = index * step + (0 if stacked else series * width)
                title = f"{bucket.start:%Y-%m-%d %H:%M} UTC: {value:.0f}{unit} {names[series]}"
                rects.append(_rect(x, HEIGHT - base - height, width, height, series, title))
                base += height if stacked else 0
    return Plot(rects, top, [sum(each.values[i] for each in buckets) for i in range(len(names))])


def _rect(x: float, y: float, width: float, height: float, series: int, title: str) -> Rect:
    return Rect(round(x, 2), round(y, 2), round(width, 2), round(height, 2), series, title)
