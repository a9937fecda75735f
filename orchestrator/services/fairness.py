"""How much of the work goes to the broker at once, and whose comes next.

What waits in the broker goes first come, first served. So little is sent there: a window for each of its
queues, enough to keep the workers busy. What is beyond waits in the store, in a lane for each customer, and
:func:`release` takes from the lanes in turn: a flood delays nobody else by more than a window. Bulk work
waits until the live work of the same worker has little left to send.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from orchestrator.domain.clock import now
from orchestrator.domain.ids import new_id
from orchestrator.domain.messages import BULK_BELOW, JobTaskMessage
from orchestrator.store import backlog as store
from orchestrator.store import outbox
from orchestrator.store.backlog import Lane, Queue
from orchestrator.store.unit_of_work import UnitOfWork

#: How long the counts are believed, in seconds.
_BELIEF = 0.1
#: Bulk work is sent while less than this part of the window waits of live work.
_IDLE = 4

__all__ = ["Lane", "Turns", "Windows", "anything_held", "release", "windows_of"]


class Windows:
    """What this process believes of the broker's queues. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: Counter[Queue] = Counter()
        self._held: frozenset[Queue] = frozenset()

    def learn(self, waiting: Counter[Queue], lanes: Iterable[Lane]) -> None:
        """Replace what is believed by what the store says."""
        with self._lock:
            self._waiting = waiting
            self._held = frozenset(Queue(each.worker, each.priority < BULK_BELOW) for each in lanes)

    def place(self, worker: str, priority: int, customer_id: int, window: int) -> str | None:
        """The lane in which a new job task has to wait; None: its message is sent at once."""
        queue = Queue(worker, priority < BULK_BELOW)
        with self._lock:
            if queue not in self._held and self._waiting[queue] < self.room(queue, window):
                self._waiting[queue] += 1
                return None
        return str(Lane(worker, priority, customer_id))

    def room(self, queue: Queue, window: int) -> int:
        """How many messages this queue may hold now."""
        return _size(queue, window, self._waiting)


def _size(queue: Queue, window: int, waiting: Mapping[Queue, int]) -> int:
    live = Queue(queue.worker, bulk=False)
    return 0 if queue.bulk and waiting.get(live, 0) * _IDLE >= window else window


def windows_of(uow: UnitOfWork) -> Windows | None:
    """This process's windows, with fresh counts; None where nothing is ever held back."""
    if not uow.memory.window:
        return None
    windows: Windows = uow.memory.recall("windows", float("inf"), Windows)

    def look() -> float:
        windows.learn(store.waiting(uow.session, BULK_BELOW), store.lanes(uow.session))
        return time.monotonic()

    uow.memory.recall("counts", _BELIEF, look)
    return windows


class Turns:
    """Who was served last: those that waited longest for their turn come first."""

    def __init__(self) -> None:
        self._served: dict[Lane, int] = {}
        self._round = 0

    def share(self, lanes: Sequence[Lane], room: int) -> Counter[Lane]:
        """How many job tasks each of the lanes, all of one queue, may send: only the most urgent ones."""
        first = max((lane.priority for lane in lanes), default=0)
        turn = [lane for lane in lanes if lane.priority == first]
        turn.sort(key=lambda lane: (self._served.get(lane, 0), lane))
        each, over = divmod(room, len(turn)) if turn else (0, 0)
        shares = Counter({lane: each + (place < over) for place, lane in enumerate(turn)})
        self._round += 1
        self._served.update({lane: self._round for lane, number in shares.items() if number})
        return +shares

    def forget_all_but(self, lanes: Iterable[Lane]) -> None:
        """Lanes that ran empty begin anew."""
        self._served = {lane: self._served[lane] for lane in lanes if lane in self._served}


def anything_held(uow: UnitOfWork) -> bool:
    """Whether anything is held back: one look into an index."""
    return store.any_held(uow.session)


def release(uow: UnitOfWork, turns: Turns) -> tuple[list[JobTaskMessage], bool]:
    """Take from the lanes what the broker has room for; the caller commits, then dispatches.

    The messages, and whether anything is held back at all. Safe to run twice at once.
    """
    lanes = store.lanes(uow.session)
    turns.forget_all_but(lanes)
    if not lanes:
        return [], False
    waiting = store.waiting(uow.session, BULK_BELOW)
    by_queue: defaultdict[Queue, list[Lane]] = defaultdict(list)
    for lane in lanes:
        by_queue[Queue(lane.worker, lane.priority < BULK_BELOW)].append(lane)
    chosen = []
    # live before bulk: what is sent now counts
    for queue in sorted(by_queue, key=lambda each: (each.bulk, each.worker)):
        room = _size(queue, uow.memory.window, waiting) - waiting[queue] if uow.memory.window else 10_000
        for lane, number in turns.share(by_queue[queue], max(0, room)).items():
            taken = store.first_of(uow.session, lane, number)
            waiting[queue] += len(taken)
            chosen += taken
    if not chosen:
        return [], True
    at, key = now(), new_id()
    messages = store.release(uow.session, chosen, at, key)
    outbox.add(uow.session, key, at, [each.id for each in messages])
    return messages, True
