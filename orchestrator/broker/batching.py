"""How much to claim at a time: much of what is quick, little of what is slow."""

from __future__ import annotations

#: An outcome waits this long at most for others to share its commit, in seconds.
LINGER = 0.02
#: Claimed work lasts this long, in seconds: what is claimed here, no other process can take.
AHEAD = 0.02
_MOST = 128
#: Weight of the latest run in the running mean.
_WEIGHT = 0.2
_UNKNOWN = 1.0


class Pace:
    """Follows how long job tasks take, and sizes claims by it."""

    linger = LINGER
    #: Outcomes in one commit, at most.
    largest = 512

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._mean = _UNKNOWN

    def ran(self, seconds: float) -> None:
        """Take note of a run."""
        self._mean += _WEIGHT * (seconds - self._mean)

    @property
    def target(self) -> int:
        """How many job tasks to have claimed at a time."""
        ahead = int(AHEAD / self._mean) if self._mean > 0 else _MOST
        return self._threads * max(1, min(_MOST, ahead))

    def hungry(self, running: int) -> bool:
        """Whether the pool is about to run out of claimed work."""
        target = self.target
        return running < self._threads or running <= target // 2 < target

    def room(self, running: int) -> int:
        """How many job tasks to claim now."""
        return max(0, self.target - running)
