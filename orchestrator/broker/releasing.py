"""Sends what is held back in the store, as soon as the broker has room."""

from __future__ import annotations

import threading

import structlog

from orchestrator.broker.dispatch import Publisher
from orchestrator.errors import AssayError
from orchestrator.services.fairness import Turns, anything_held, release
from orchestrator.store.unit_of_work import Begin

#: How often the backlog is looked at while there is one, and while there is none, in seconds.
_BUSY = 0.05
_IDLE = 0.2

log = structlog.get_logger(__name__)


class Releaser:
    """Looks at the backlog again and again. What is away now is tried again the next time."""

    def __init__(self, begin: Begin, publisher: Publisher) -> None:
        self._begin = begin
        self._publisher = publisher
        self._turns = Turns()

    def start(self, closing: threading.Event) -> threading.Thread:
        """Release in a thread of its own until ``closing`` is set."""
        thread = threading.Thread(target=self._run, args=(closing,), name="releasing", daemon=True)
        thread.start()
        return thread

    def _run(self, closing: threading.Event) -> None:
        while not closing.is_set():
            closing.wait(_BUSY if self.release() else _IDLE)

    def release(self) -> bool:
        """One look at the backlog; whether there is any."""
        try:
            with self._begin(write=False) as uow:
                if not anything_held(uow):
                    return False
            with self._begin() as uow:
                messages, held = release(uow, self._turns)
                uow.commit()
        except AssayError as error:
            log.warning("backlog put off", action="release-unavailable", error=str(error))
            return False
        except Exception:
            log.exception("backlog failed", action="release-failed")
            return False
        self._publisher(messages)
        return held
