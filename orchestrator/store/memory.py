"""What a process remembers of its store: facts that change seldom and are asked for all the time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from itertools import chain
from typing import Any, TypeVar, cast
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, event
from sqlalchemy.orm import Session

from orchestrator.store.tables import Policy, RegisteredWorker, Rule

#: Whoever changes one of these makes this process forget at once; other processes' changes show with age.
_REMEMBERED = (Policy, RegisteredWorker, Rule)
_CHANGED = "assay_changed"

#: Messages that may wait in one queue of the broker, unless the settings say otherwise.
WINDOW = 256

T = TypeVar("T")


class Memory:
    """Values by name, each with its age. Safe to use from several threads."""

    def __init__(self) -> None:
        self._values: dict[str, tuple[float, Any]] = {}
        self._generation = 0
        #: What may wait in one queue of the broker; 0: everything.
        self.window = WINDOW

    def recall(self, name: str, seconds: float, load: Callable[[], T]) -> T:
        """What ``load`` returned at most ``seconds`` ago."""
        until, value = self._values.get(name, (0.0, None))
        if time.monotonic() < until:
            return cast("T", value)
        generation = self._generation
        fresh = load()
        if generation == self._generation:
            self._values[name] = time.monotonic() + seconds, fresh
        return fresh

    def forget(self) -> None:
        """Ask the store again; what is being loaded right now is not kept either."""
        self._generation += 1
        self._values.clear()


_MEMORIES: WeakKeyDictionary[Engine, Memory] = WeakKeyDictionary()
_LOCK = threading.Lock()


def memory_of(engine: Engine) -> Memory:
    """The one memory of what this engine's store holds."""
    with _LOCK:
        return _MEMORIES.setdefault(engine, Memory())


def changed(session: Session) -> bool:
    """Whether this session has changed what memories keep, and not yet committed it."""
    return bool(session.info.get(_CHANGED))


@event.listens_for(Session, "after_flush")
def _note(session: Session, _context: object) -> None:
    if any(isinstance(row, _REMEMBERED) for row in chain(session.new, session.dirty, session.deleted)):
        session.info[_CHANGED] = True
