"""Work that arrives at the same time is done together."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from orchestrator.errors import Unavailable
from orchestrator.services.coalescing import MOST, Coalescer
from orchestrator.services.creating import one_by_one

PATIENCE = 60


class Work:
    """Remembers its batches; each waits until it may go on."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.begun = threading.Semaphore(0)
        self.go_on = threading.Semaphore(0)

    def __call__(self, asked: Sequence[int]) -> list[int | Exception]:
        self.batches.append(list(asked))
        self.begun.release()
        assert self.go_on.acquire(timeout=PATIENCE)
        return [ValueError(str(each)) if each < 0 else 2 * each for each in asked]


def test_the_first_goes_at_once_and_the_others_together() -> None:
    """Nobody waits for company; what arrives during the first batch shares the second."""
    work = Work()
    coalescer = Coalescer("test", work)
    first = coalescer(1)
    assert work.begun.acquire(timeout=PATIENCE)
    others = [coalescer(each) for each in (2, -3, 4)]
    work.go_on.release(2)
    assert first.result(PATIENCE) == 2
    assert others[0].result(PATIENCE) == 4
    with pytest.raises(ValueError, match="-3"):
        others[1].result(PATIENCE)
    assert others[2].result(PATIENCE) == 8
    assert work.batches == [[1], [2, -3, 4]]


def test_a_batch_has_a_limit_and_leaves_out_who_went_away() -> None:
    work = Work()
    coalescer = Coalescer("test", work)
    coalescer(0)
    assert work.begun.acquire(timeout=PATIENCE)
    waiting = [coalescer(each) for each in range(MOST + 1)]
    assert waiting[5].cancel()
    work.go_on.release(3)
    assert waiting[-1].result(PATIENCE) == 2 * MOST
    assert [len(each) for each in work.batches] == [1, MOST - 1, 1]


def test_an_error_of_the_work_is_everybodys_answer_and_the_next_batch_goes_on() -> None:
    def work(asked: Sequence[int]) -> list[int | Exception]:
        if asked[0] == 0:
            raise Unavailable("away")
        return list(asked)

    coalescer = Coalescer("test", work)
    with pytest.raises(Unavailable):
        coalescer(0).result(PATIENCE)
    assert coalescer(1).result(PATIENCE) == 1


def test_one_that_breaks_the_batch_fails_alone() -> None:
    """Where doing it together fails, each is done by itself; an outage is not tried again."""

    def work(asked: Sequence[int]) -> list[int | Exception]:
        if 0 in asked:
            raise ZeroDivisionError
        if 7 in asked:
            raise Unavailable("away")
        return list(asked)

    answers = one_by_one(work)([1, 0, 2])
    assert answers[0] == 1
    assert isinstance(answers[1], ZeroDivisionError)
    assert answers[2] == 2
    with pytest.raises(Unavailable):
        one_by_one(work)([1, 7])
