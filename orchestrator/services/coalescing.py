"""Work that arrives at the same time is done together: one transaction for many requests."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

#: Requests that are answered together at most.
MOST = 64

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


class Coalescer(Generic[Asked, Answer]):
    """Hands requests to one thread: the first at once, and what arrives meanwhile together after it.

    ``work`` answers requests in their order, each with its answer or with the error that is to be raised;
    what it raises is the answer to them all.
    """

    def __init__(self, name: str, work: Callable[[Sequence[Asked]], Sequence[Answer | Exception]]) -> None:
        self._work = work
        self._lock = threading.Lock()
        self._waiting: deque[tuple[Asked, Future[Answer]]] = deque()
        self._busy = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)

    def __call__(self, asked: Asked) -> Future[Answer]:
        """The answer, once there is one. One that is cancelled before its turn is left out."""
        future: Future[Answer] = Future()
        with self._lock:
            self._waiting.append((asked, future))
            if not self._busy:
                self._busy = True
                self._thread.submit(self._drain)
        return future

    def _drain(self) -> None:
        while batch := self._next():
            taken = [each for each in batch if each[1].set_running_or_notify_cancel()]
            if taken:
                self._answer(taken)

    def _next(self) -> list[tuple[Asked, Future[Answer]]]:
        with self._lock:
            batch = [self._waiting.popleft() for _ in range(min(MOST, len(self._waiting)))]
            self._busy = bool(batch)
        return batch

    def _answer(self, taken: Sequence[tuple[Asked, Future[Answer]]]) -> None:
        answers: Sequence[Answer | Exception]
        try:
            answers = self._work([asked for asked, _ in taken])
        except Exception as error:  # noqa: BLE001 - whoever waits raises it
            answers = [error] * len(taken)
        for (_, future), answer in zip(taken, answers, strict=True):
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)
