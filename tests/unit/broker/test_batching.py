"""How much a process claims and holds."""

from __future__ import annotations

from orchestrator.broker.batching import LEVELS, MOST, Pace


def paced(run: float, commit: float, threads: int = 1) -> Pace:
    pace = Pace(threads)
    pace.ran(run)
    for _ in range(200):
        pace.ran(run)
        pace.committed(commit)
    return pace


def test_one_at_a_time_until_something_is_known() -> None:
    """A new process claims one job task per thread, and holds one message more."""
    pace = Pace(2)
    pace.committed(0.01)
    assert pace.target == 2
    assert pace.room(0) == 2
    assert pace.prefetch == LEVELS[1]


def test_slow_job_tasks_are_left_to_others() -> None:
    """Whatever a commit takes, a second's work is claimed alone."""
    pace = paced(run=1.0, commit=0.1)
    assert pace.target == 1
    assert pace.prefetch == LEVELS[0]
    assert pace.hungry(0)
    assert not pace.hungry(1)


def test_quick_job_tasks_fill_batches() -> None:
    """What takes next to nothing is claimed by the hundred."""
    pace = paced(run=0.00005, commit=0.05)
    assert pace.target == MOST
    assert pace.prefetch == LEVELS[-1]


def test_claims_cover_two_commits() -> None:
    """The pool has work while a commit is under way: hungry when half of it is left."""
    pace = paced(run=0.001, commit=0.05)
    assert 90 <= pace.target <= 100
    assert pace.hungry(pace.target // 2)
    assert not pace.hungry(pace.target // 2 + 1)
    assert pace.room(pace.target) == 0


def test_one_hiccup_is_not_slowness() -> None:
    """A process that was not scheduled for a moment goes on claiming many."""
    pace = paced(run=0.0001, commit=0.05)
    pace.ran(0.02)
    pace.committed(0.05)
    assert pace.target > 50
