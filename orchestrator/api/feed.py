"""The events of this process's listeners: however many listen, the store is asked by one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from starlette.concurrency import run_in_threadpool

from orchestrator.domain.events import Change
from orchestrator.errors import AssayError, Unavailable
from orchestrator.services.events import PAGE, Tail
from orchestrator.store.unit_of_work import Begin

log = structlog.get_logger(__name__)

#: Listeners of one process.
LISTENERS = 200
#: Changes that are kept for listeners which are a little behind; who is further behind reads the store.
KEPT = 5000
#: Between two looks at the store, in seconds.
PAUSE = 0.3
_TROUBLE = 2.0


class Feed:
    """Follows the store while somebody listens. For one event loop."""

    def __init__(self, begin: Begin) -> None:
        self._begin = begin
        self._listeners = 0
        self._task: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self._kept: deque[Change] = deque()
        #: what is kept begins after this number
        self._floor = 0
        #: up to here everything is settled
        self.position = 0
        self._news = asyncio.Event()

    @property
    def listens(self) -> int:
        """How many listen."""
        return self._listeners

    @property
    def follows(self) -> bool:
        """Whether the store is being asked."""
        return self._task is not None

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Follow the store at least for the length of the block."""
        if self._listeners >= LISTENERS:
            raise Unavailable(f"{LISTENERS} listen here already", retry_after=30)
        self._listeners += 1
        try:
            async with self._starting:
                if self._task is None:
                    await self._start()
            yield
        finally:
            self._listeners -= 1
            if not self._listeners and self._task is not None:
                self._task.cancel()
                self._task = None

    def since(self, number: int) -> list[Change] | None:
        """The settled changes after a number; None where so many are not kept."""
        if number < self._floor:
            return None
        return [change for change in self._kept if change.number > number]

    def news(self) -> asyncio.Event:
        """Is set when there is more than now."""
        return self._news

    async def _start(self) -> None:
        tail = await run_in_threadpool(Tail, self._begin)
        # one that is waited for belongs to its event loop
        self._news = asyncio.Event()
        self._kept.clear()
        self._floor = self.position = tail.position
        self._task = asyncio.create_task(self._follow(tail))

    async def _follow(self, tail: Tail) -> None:
        while True:
            try:
                found = await run_in_threadpool(tail.read)
            except AssayError as error:
                log.warning("no events for now", action="events-unavailable", error=str(error))
                await asyncio.sleep(_TROUBLE)
                continue
            if tail.position != self.position:
                self._take(found, tail.position)
            if len(found) < PAGE:
                await asyncio.sleep(PAUSE)

    def _take(self, found: list[Change], position: int) -> None:
        self._kept += found
        while len(self._kept) > KEPT:
            self._floor = self._kept.popleft().number
        self.position = position
        news, self._news = self._news, asyncio.Event()
        news.set()
