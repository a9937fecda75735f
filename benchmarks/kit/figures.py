"""Medians with ranges, percentiles, and rounds that take turns."""

from __future__ import annotations

import math
import statistics
import sys
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of repeated measurements, and their range."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Self:
        """Of at least one value; :class:`ValueError` where there is none."""
        found = list(values)
        if not found:
            raise ValueError("nothing was measured")
        return cls(statistics.median(found), min(found), max(found))

    def text(self, digits: int = 0) -> str:
        """``1,234 (1,200 to 1,300)``; the median alone where nothing varies."""
        median, low, high = (f"{each:,.{digits}f}" for each in (self.median, self.low, self.high))
        return median if low == high else f"{median} ({low} to {high})"


def percentile(values: Iterable[float], share: float) -> float:
    """The smallest value that at least this share (0 to 1) of all values do not exceed (nearest rank)."""
    found = sorted(values)
    if not found:
        raise ValueError("nothing was measured")
    return found[max(0, math.ceil(share * len(found)) - 1)]


def ratios(over: Sequence[float], under: Sequence[float]) -> Spread:
    """Round by round: both of a pair met the same machine."""
    return Spread.of(upper / lower for upper, lower in zip(over, under, strict=True))


def take_turns(
    cases: Mapping[K, Callable[[], T]], rounds: int, tell: Callable[[K, T], None] | None = None
) -> dict[K, list[T]]:
    """Measure every case once per round, every second round backwards, so that a drift favours nobody."""
    found: dict[K, list[T]] = {name: [] for name in cases}
    for number in range(rounds):
        names = list(cases)
        for name in reversed(names) if number % 2 else names:
            measured = cases[name]()
            found[name].append(measured)
            if tell:
                tell(name, measured)
    return found


def progress(text: str) -> None:
    """Say how far a run is, where it does not mix with what it prints."""
    print(f"  {text}", file=sys.stderr, flush=True)
