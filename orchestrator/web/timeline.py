"""A job's job tasks as bars on one time axis, from the history of their transitions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from orchestrator.domain.lifecycle import FINAL
from orchestrator.services.jobs import JobTaskView, JobView
from orchestrator.store.tables import JobTask, JobTaskEvent

_SHORTEST = timedelta(milliseconds=1)
#: So that what took no time can be seen, in percent of the axis.
_THINNEST = 0.4


@dataclass(frozen=True, slots=True)
class Segment:
    """A state and how long it lasted, in percent of the axis."""

    state: str
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Bar:
    """One job task."""

    view: JobTaskView
    segments: Sequence[Segment]
    #: Where a further attempt began.
    attempts: Sequence[float]
    #: Every transition, oldest first.
    events: Sequence[JobTaskEvent]


@dataclass(frozen=True, slots=True)
class Timeline:
    """The axis and its bars."""

    bars: Sequence[Bar]
    milliseconds: float


def draw(
    view: JobView, job_tasks: Sequence[JobTaskView], history: Sequence[JobTaskEvent], at: datetime
) -> Timeline:
    """The bars of a job as it is at a moment."""
    start = view.job.enqueued_at
    end = max([view.job.end_at or at, *(event.at for event in history)])
    span = max(end - start, _SHORTEST)
    bars = []
    for each in job_tasks:
        events = [event for event in history if event.job_task_id == each.row.id]
        points = _points(each.row, events)
        stops = [*points, (each.row.end_at or points[-1][0] if each.row.state in FINAL else at, "")]
        segments = [
            _segment(state, (since - start) / span, (until - start) / span)
            for (since, state), (until, _) in pairwise(stops)
            if state not in FINAL
        ]
        retried = [100 * ((b.at - start) / span) for a, b in pairwise(events) if b.attempt > a.attempt]
        bars.append(Bar(each, segments, retried, events))
    return Timeline(bars, span.total_seconds() * 1000)


def _points(row: JobTask, events: Sequence[JobTaskEvent]) -> list[tuple[datetime, str]]:
    """When which state began."""
    points = [(event.at, str(event.target)) for event in events] or [(row.enqueued_at, "enqueued")]
    if row.start_at and row.start_at < points[-1][0] and not any(s == "executing" for _, s in points):
        points = [points[0], (row.start_at, "executing"), *points[1:]]
    return points


def _segment(state: str, since: float, until: float) -> Segment:
    x = min(100 - _THINNEST, max(0.0, 100 * since))
    return Segment(state, round(x, 2), round(min(100 - x, max(_THINNEST, 100 * (until - since))), 2))
