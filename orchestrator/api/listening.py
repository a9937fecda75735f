"""One listener's stream: from where it left off, through what is stored, to what happens."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from starlette.concurrency import run_in_threadpool

from orchestrator.api.feed import Feed
from orchestrator.domain.caller import Caller
from orchestrator.domain.events import Change, Event, Interest, Position, events_of
from orchestrator.services import events
from orchestrator.store.unit_of_work import Begin

#: After this long a listener's key is looked up again, in seconds.
RENEWAL = 20.0
_REMEMBERED = 10_000


@dataclass(slots=True)
class Listener:
    """Who listens, to what."""

    begin: Begin
    feed: Feed
    caller: Caller
    interest: Interest
    #: Gives the caller anew; raises where the key is good no more.
    renew: Callable[[], Caller]
    #: Where to begin; None: with what happens from now on.
    position: Position | None

    async def events(self) -> AsyncGenerator[Event, None]:
        """The events, for ever; ends when the key is good no more."""
        async with self.feed.listening():
            at = self.position or Position(self.feed.position, 1)
            seen = _Sight()
            renewed = time.monotonic()
            while True:
                news = self.feed.news()
                changes, upto = await self._next(at)
                for change in changes:
                    if await seen.sees(self, change):
                        for event in filter(self.interest.wants, events_of(change, at)):
                            yield event
                at = max(at, upto)
                if time.monotonic() - renewed > RENEWAL:
                    self.caller = await run_in_threadpool(self.renew)
                    seen, renewed = _Sight(), time.monotonic()
                if at.number >= self.feed.position:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(news.wait(), RENEWAL)

    async def _next(self, at: Position) -> tuple[list[Change], Position]:
        """Changes from a position on, and up to where they are all there are."""
        # the change at the position itself may have a second part
        first = at.number if at.part else at.number - 1
        kept = self.feed.since(first)
        upto = self.feed.position
        if kept is None:
            kept = await run_in_threadpool(self._stored, first, upto)
            if len(kept) == events.PAGE:
                upto = kept[-1].number
        return kept, Position(upto, 1)

    def _stored(self, after: int, upto: int) -> list[Change]:
        with self.begin(write=False) as uow:
            return events.history(uow, self.caller, self.interest, after, upto)


class _Sight:
    """Remembers which submissions of others a listener may see."""

    def __init__(self) -> None:
        self._known: dict[UUID | None, bool] = {}

    async def sees(self, listener: Listener, change: Change) -> bool:
        caller = listener.caller
        if caller.sees_all or change.customer_id == caller.customer_id:
            return True
        if not caller.shared_with:
            return False
        if change.submission_id not in self._known:
            if len(self._known) > _REMEMBERED:
                self._known.clear()
            self._known[change.submission_id] = await run_in_threadpool(_look, listener, change)
        return self._known[change.submission_id]


def _look(listener: Listener, change: Change) -> bool:
    with listener.begin(write=False) as uow:
        return events.may_see(uow, listener.caller, change)
