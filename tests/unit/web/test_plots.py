"""Coordinates of small plots."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from orchestrator.services.overview import Bucket
from orchestrator.web import plots

START = datetime(2026, 1, 1, tzinfo=UTC)


def _buckets(*rows):
    return [Bucket(START + timedelta(hours=index), row) for index, row in enumerate(rows)]


def test_the_tallest_bar_reaches_the_top():
    """Heights are shares of the largest value; what is nothing has no bar."""
    plot = plots.bars(_buckets([10, 5], [0, 0]), ("in", "out"), stacked=False)
    assert [(rect.height, rect.y) for rect in plot.rects] == [
        (plots.HEIGHT, 0),
        (plots.HEIGHT / 2, plots.HEIGHT / 2),
    ]
    assert plot.top == 10
    assert plot.rects[0].title == "2026-01-01 00:00 UTC: 10 in"


def test_stacked_bars_stand_on_one_another():
    """Together they are as tall as their sum."""
    plot = plots.bars(_buckets([1, 3]), ("a", "b"), stacked=True)
    assert [(rect.y, rect.height) for rect in plot.rects] == [(90, 30), (0, 90)]


def test_no_bar_leaves_the_box():
    """However many buckets there are."""
    plot = plots.bars(_buckets(*([index, index % 7] for index in range(90))), ("a", "b"), stacked=False)
    assert all(rect.x >= 0 and rect.x + rect.width <= plots.WIDTH for rect in plot.rects)
    assert all(rect.y >= 0 and rect.y + rect.height <= plots.HEIGHT + 0.01 for rect in plot.rects)
