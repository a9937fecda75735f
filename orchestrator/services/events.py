"""The order of events that many may follow: nothing is left out, nothing comes twice.

Numbers are given out before their transactions commit, so that a lower one may show up after a higher.
A :class:`Tail` goes past a missing number only once every transaction that could bring it is over.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import structlog

from orchestrator.domain.caller import Caller
from orchestrator.domain.events import Change, Event, Interest, Kind
from orchestrator.store import events as store
from orchestrator.store.tables.base import to_millis
from orchestrator.store.unit_of_work import Begin, UnitOfWork

log = structlog.get_logger(__name__)

#: Changes that are read at a time.
PAGE = 500
#: No transaction that writes history is this long, in seconds: a number missing for longer stays missing.
PATIENCE = 60.0
_GLANCE = 0.02


class Tail:
    """Follows the history's end; one thread at a time.

    ``position`` is the number up to which everything is settled.
    """

    def __init__(
        self, begin: Begin, position: int | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._begin = begin
        self._clock = clock
        #: what is missing below a number may come of these transactions; since when
        self._hole: tuple[int, frozenset[str], float] | None = None
        self.position = self._now() if position is None else position

    def read(self) -> list[Change]:
        """The changes that follow, as far as they are settled."""
        with self._begin(write=False) as uow:
            top = self._settled_below(uow)
            rows = store.changes(uow.session, self.position, PAGE)
            count = self._settled([number for number, _ in rows], top)
            if count < len(rows) and self._hole is None:
                writers = store.writers(uow.session)
                if writers is None:
                    count = len(rows)
                else:
                    self._hole = rows[-1][0], writers, self._clock()
        if count:
            self.position = rows[count - 1][0]
        return [change for _, change in rows[:count] if change is not None]

    def _settled(self, numbers: Sequence[int], top: int) -> int:
        """How many of the numbers, from the first on, nothing can come between any more."""
        count, last = 0, self.position
        for number in numbers:
            if number > top and number != last + 1:
                break
            count, last = count + 1, number
        return count

    def _settled_below(self, uow: UnitOfWork) -> int:
        """The number below which all that is missing stays missing."""
        if self._hole is None:
            return 0
        top, waiting, since = self._hole
        if waiting & (store.writers(uow.session) or frozenset()):
            if self._clock() - since < PATIENCE:
                return 0
            log.warning("a gap in the history was left behind", action="event-gap", after=self.position)
        self._hole = None
        return top

    def _now(self) -> int:
        """The newest number, once all that is lower is settled."""
        with self._begin(write=False) as uow:
            top = store.newest(uow.session)
            waiting = store.writers(uow.session)
        deadline = self._clock() + PATIENCE
        while waiting and self._clock() < deadline:
            time.sleep(_GLANCE)
            with self._begin(write=False) as uow:
                waiting &= store.writers(uow.session) or frozenset()
        return top


def history(uow: UnitOfWork, caller: Caller, interest: Interest, after: int, upto: int) -> list[Change]:
    """A page of settled changes that the caller may see; fewer than :data:`PAGE`: there are no more."""
    return store.changes_for(uow.session, caller, interest, after, upto, PAGE)


def may_see(uow: UnitOfWork, caller: Caller, change: Change) -> bool:
    """Whether the change is of a job that the caller may see."""
    if caller.sees_all or change.customer_id == caller.customer_id:
        return True
    if not caller.shared_with or change.submission_id is None:
        return False
    return store.is_shared(uow.session, caller, change.submission_id)


def described(event: Event) -> dict[str, Any]:
    """The event as the wire shows it, to listeners and to webhooks alike."""
    change = event.change
    about = {
        "id": str(event.position),
        "event": event.name,
        "timestamp": to_millis(change.at),
        "job": str(change.job_id),
        "jobState": change.job_state.value,
        "sample": change.sample_sha256,
        "submission": str(change.submission_id) if change.submission_id else None,
    }
    if event.kind is Kind.job:
        return about
    return about | {
        "jobTask": str(change.job_task_id),
        "worker": change.worker,
        "attempt": change.attempt,
        "source": change.source.value if change.source else None,
        "target": change.target.value,
        "cause": change.cause,
        "message": change.message,
        "waitedMs": change.waited_ms,
        "ranMs": change.ran_ms,
    }
