"""Job tasks as bars on one time axis."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from orchestrator.domain.ids import new_id
from orchestrator.domain.lifecycle import Actor
from orchestrator.domain.vocabulary import JobState, JobTaskState
from orchestrator.services.jobs import JobTaskView, JobView
from orchestrator.store.tables import Job, JobTask, JobTaskEvent
from orchestrator.web import timeline

START = datetime(2026, 1, 1, tzinfo=UTC)


def _at(seconds):
    return START + timedelta(seconds=seconds)


def _drawn(moves, *, ended=None, now=10):
    """The one bar of a job task with these (second, state, attempt) transitions."""
    state = JobTaskState(moves[-1][1])
    row = JobTask(id=new_id(), worker="looker", state=state, enqueued_at=START, end_at=ended and _at(ended))
    events = [
        JobTaskEvent(
            job_task_id=row.id,
            target=JobTaskState(name),
            at=_at(second),
            attempt=attempt,
            actor=Actor.recorder,
        )
        for second, name, attempt in moves
    ]
    job = Job(
        state=JobState.done if ended else JobState.executing, enqueued_at=START, end_at=ended and _at(ended)
    )
    (bar,) = timeline.draw(JobView(job, 1), [JobTaskView(row, [])], events, _at(now)).bars
    return bar


def _spans(bar):
    return [(each.state, each.x, each.width) for each in bar.segments]


def test_each_state_is_as_wide_as_it_lasted():
    """In percent of the job's time."""
    bar = _drawn([(0, "enqueued", 1), (2, "executing", 1), (8, "success", 1)], ended=8)
    assert _spans(bar) == [("enqueued", 0, 25), ("executing", 25, 75)]
    assert not bar.attempts


def test_what_is_open_lasts_until_now():
    """It grows from one look to the next."""
    moves = [(0, "enqueued", 1), (5, "executing", 1)]
    assert _spans(_drawn(moves, now=10)) == [("enqueued", 0, 50), ("executing", 50, 50)]
    assert _spans(_drawn(moves, now=20)) == [("enqueued", 0, 25), ("executing", 25, 75)]


def test_a_further_attempt_is_marked():
    """Where it began."""
    bar = _drawn([(0, "enqueued", 1), (1, "executing", 1), (5, "enqueued", 2), (6, "executing", 2)])
    assert bar.attempts == [50]
    assert [each.state for each in bar.segments] == ["enqueued", "executing"] * 2


def test_no_bar_leaves_the_axis():
    """What took no time is thin, at the very end too."""
    bar = _drawn([(0, "enqueued", 1), (10, "executing", 1), (10, "failed", 1)], ended=10)
    assert all(each.width > 0 and each.x + each.width <= 100 for each in bar.segments)
