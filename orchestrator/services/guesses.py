"""Who tries keys that are wrong is soon refused without a look at the store: in memory, per process."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address
from threading import Lock

from orchestrator.errors import TooMany

#: For how long wrong keys are counted together, in seconds.
WINDOW = 60.0
#: How many addresses and beginnings of keys are remembered; the one unheard for longest goes first.
_REMEMBERED = 10_000
#: How much of a key is its beginning: whoever knows one from a log cannot try the rest of it.
_BEGINNING = 8
#: One host has a whole network of this size to itself.
_IPV6_HOST = 64


class Guesses:
    """Counts wrong keys by the address they come from and by how they begin; a ``limit`` of 0 counts none."""

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._lock = Lock()
        #: source → (since when, how many)
        self._counted: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def check(self, address: str, key: str) -> None:
        """:class:`TooMany` where ``limit`` wrong keys of this kind came within the window."""
        at = self._clock()
        with self._lock:
            for source in _sources(address, key):
                since, count = self._counted.get(source, (at, 0))
                if self._limit and count >= self._limit and at - since < WINDOW:
                    raise TooMany("too many wrong API keys", retry_after=int(WINDOW - (at - since)) + 1)

    def wrong(self, address: str, key: str) -> None:
        """Count a key that was refused."""
        at = self._clock()
        with self._lock:
            for source in _sources(address, key):
                since, count = self._counted.pop(source, (at, 0))
                self._counted[source] = (at, 1) if at - since >= WINDOW else (since, count + 1)
            while len(self._counted) > _REMEMBERED:
                self._counted.popitem(last=False)


def _sources(address: str, key: str) -> tuple[str, str]:
    return f"address {_host(address)}", f"key {key[:_BEGINNING]}"


def _host(address: str) -> str:
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if isinstance(found, IPv6Address):
        return str(found.ipv4_mapped or int(found) >> _IPV6_HOST)
    return address
