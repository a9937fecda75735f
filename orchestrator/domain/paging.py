"""Pages and sort keys (contract section 1.6)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from orchestrator.errors import Invalid

T = TypeVar("T")

DEFAULT_LIMIT = 25
#: The system maximum: an unlimited result may not be larger.
MAX_LIMIT = 100_000
#: The maximum of limit and of offset in sample and submission searches.
MAX_SEARCH = 10_000
#: The largest number that the contract's int32 holds.
MAX_OFFSET = 2**31 - 1


@dataclass(frozen=True, slots=True)
class SortKey:
    """One key of a chained sort, by its name on the wire."""

    name: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a result is wanted. ``limit`` 0 means all, up to ``maximum``."""

    limit: int = DEFAULT_LIMIT
    offset: int = 0
    sort: tuple[SortKey, ...] = ()
    maximum: int = MAX_LIMIT

    def __post_init__(self) -> None:
        if not 0 <= self.limit <= self.maximum:
            raise Invalid("limit", f"must be between 0 and {self.maximum}")
        if not 0 <= self.offset <= MAX_OFFSET:
            raise Invalid("offset", f"must be between 0 and {MAX_OFFSET}")
        if self.maximum == MAX_SEARCH and self.offset > MAX_SEARCH:
            raise Invalid("offset", f"must be between 0 and {MAX_SEARCH}")

    @property
    def fetch(self) -> int:
        """How many rows to ask the store for."""
        return self.limit or self.maximum

    def check(self, count: int) -> None:
        """Refuse an unlimited result that is larger than the maximum."""
        if not self.limit and count - self.offset > self.maximum:
            raise Invalid("limit", f"{count} results are more than the maximum of {self.maximum}; use paging")


def sort_keys(names: Iterable[str], allowed: Sequence[str], default: str) -> tuple[SortKey, ...]:
    """Parse ``sortBy``; a leading ``-`` sorts downwards, an unknown key is :class:`Invalid`."""
    keys = list(names) or [default]
    parsed = tuple(SortKey(key.removeprefix("-"), key.startswith("-")) for key in keys)
    for key in parsed:
        if key.name not in allowed:
            raise Invalid("sortBy", f"unknown sort key {key.name!r}; known are {', '.join(allowed)}")
    return parsed


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """A page of results and the number of all that match."""

    items: Sequence[T]
    count: int
    page: Page
