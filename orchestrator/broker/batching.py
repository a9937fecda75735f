"""How much to claim at a time: much of what is quick, little of what is slow."""

from __future__ import annotations

#: An outcome waits this long at most for others to share its commit, in seconds.
LINGER = 0.02
#: Claimed work lasts this long, in seconds, or as long as two commits take: what is claimed here, no other
#: process can take, but a pool that waits for a commit is idle.
AHEAD = 0.02
LONGEST_AHEAD = 0.25
#: Claimed job tasks of one thread, at most.
MOST = 512
#: Messages held, in few steps, as RabbitMQ's consumers must begin anew for each change; and how many times
#: what is claimed.
LEVELS = (2, 8, 32, 128, 512, 2048)
_SPARE = 4
#: Weight of the latest measurement in a running mean: one hiccup does not count as slowness, one slow run of
#: a second does.
_WEIGHT = 0.05


class Pace:
    """Follows how long job tasks and commits take, and sizes claims by it."""

    linger = LINGER
    #: Outcomes in one commit, at most.
    largest = 1024

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._run: float | None = None
        self._commit = 0.0
        #: how many job tasks to have claimed at a time
        self.target = threads

    def ran(self, seconds: float) -> None:
        """Take note of a run."""
        self._run = seconds if self._run is None else self._run + _WEIGHT * (seconds - self._run)

    def committed(self, seconds: float) -> None:
        """Take note of a commit."""
        self._commit += _WEIGHT * (seconds - self._commit)
        if self._run is None:
            return
        ahead = min(max(AHEAD, 2 * self._commit), LONGEST_AHEAD)
        self.target = self._threads * max(1, min(MOST, int(ahead / max(self._run, 1e-6))))

    @property
    def prefetch(self) -> int:
        """How many messages to hold: slow job tasks are left to other processes, quick ones fill batches."""
        wanted = self._threads + 1 if self.target == self._threads else _SPARE * self.target
        return next((level for level in LEVELS if wanted <= level), LEVELS[-1])

    def hungry(self, running: int) -> bool:
        """Whether the pool is about to run out of claimed work."""
        return running < self._threads or running <= self.target // 2 < self.target

    def room(self, running: int) -> int:
        """How many job tasks to claim now."""
        return max(0, self.target - running)
