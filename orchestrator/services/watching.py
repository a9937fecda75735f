"""What a sweep remembers from one round to the next."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from orchestrator.domain.clock import now
from orchestrator.store.tables import WorkerProcess

#: A wall clock that is ahead of the monotonic one by more than this has stepped.
_STEP = timedelta(seconds=10)


@dataclass(slots=True)
class Watch:
    """What a sweep remembers from one round to the next.

    A process counts as lost once its heartbeat has not moved for a lease by the sweep's own monotonic clock:
    no step of a wall clock can make it so. Nor does one make a deadline pass: after a step ahead deadlines
    are judged by the clock as it was for ``settling`` seconds, in which what was made before it gets done.
    """

    lease: float
    settling: float = 0.0
    _moved: dict[UUID, tuple[datetime, float]] = field(default_factory=dict)

    #: worker with an empty queue → when each process that serves it was last heard then
    _emptied: dict[str, dict[UUID, datetime]] = field(default_factory=dict)
    _told: tuple[datetime, float] | None = None
    _stepped: float | None = None

    def present(self) -> datetime:
        """The moment by which deadlines are judged."""
        at, ticks = now(), time.monotonic()
        if self._told is not None:
            expected = self._told[0] + timedelta(seconds=ticks - self._told[1])
            if at > expected + _STEP:
                self._stepped = ticks if self._stepped is None else self._stepped
                if ticks - self._stepped < self.settling:
                    return expected
        self._told, self._stepped = (at, ticks), None
        return at

    def lost(self, processes: Sequence[WorkerProcess]) -> set[UUID]:
        """Those of the processes that do not live any more."""
        present = time.monotonic()
        gone = set()
        for process in processes:
            seen, since = self._moved.get(process.id, (None, present))
            if process.seen_at != seen:
                since = present
            self._moved[process.id] = process.seen_at, since
            if process.stopped_at is not None or present - since >= self.lease:
                gone.add(process.id)
        for key in self._moved.keys() - {process.id for process in processes}:
            del self._moved[key]
        return gone

    def told(self, worker: str, processes: Sequence[WorkerProcess]) -> bool:
        """Whether each process that serves a worker has said what it holds since the queue was seen empty.

        What a process said before may have left out what it took from the queue meanwhile.
        """
        seen = self._emptied.setdefault(worker, {})
        serving = [each for each in processes if worker in each.workers]
        moved = [seen.setdefault(each.id, each.seen_at) != each.seen_at for each in serving]
        if all(moved):
            del self._emptied[worker]
        return all(moved)

    def refilled(self, worker: str) -> None:
        """The worker's queue is not empty, or its messages are held."""
        self._emptied.pop(worker, None)
