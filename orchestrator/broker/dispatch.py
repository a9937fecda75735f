"""Fan-out: messages that arrive at the same time go to the broker together, on one connection."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import structlog
from amqp.exceptions import AMQPError
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from orchestrator.broker.app import check
from orchestrator.broker.publishing import publication
from orchestrator.domain.clock import now
from orchestrator.domain.messages import Message
from orchestrator.errors import AssayError
from orchestrator.services import publishing
from orchestrator.settings import Settings
from orchestrator.store.unit_of_work import Begin

#: Messages from which on a batch goes to the broker, and that wait in memory at most: the sweep sends what
#: is over.
BATCH = 1000
WAITING = 100_000

BROKER_ERRORS = (OSError, AMQPError, KombuError, RedisError)

log = structlog.get_logger(__name__)


class Publisher:
    """A :data:`~orchestrator.domain.messages.Dispatch`: returns at once, publishes in its own thread.

    Never raises. Where the broker is away, the rows stay unpublished and the sweep sends them.
    """

    def __init__(self, settings: Settings, begin: Begin) -> None:
        self._settings = settings
        self._publication = publication(settings)
        self._begin = begin
        #: what was handed over together stays together: an outbox's row goes when all of it is sent
        self._waiting: deque[Sequence[Message]] = deque()
        self._count = 0
        self._changed = threading.Condition()
        self._busy = False
        self._closing = False
        self._thread: threading.Thread | None = None

    def __call__(self, messages: Sequence[Message]) -> None:
        """Take messages, in order."""
        if not messages:
            return
        with self._changed:
            if self._closing or self._count > WAITING:
                log.warning("left to the sweep", action="publish-skipped", count=len(messages))
                return
            self._waiting.append(messages)
            self._count += len(messages)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def check(self) -> None:
        """:class:`~orchestrator.errors.Unavailable` where the broker cannot be reached."""
        check(self._settings)

    def flush(self, timeout: float = 10.0) -> bool:
        """Wait until everything taken so far was tried; whether that was so in time."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting and not self._busy, timeout)

    def close(self, timeout: float = 10.0) -> None:
        """Publish what was taken, then end the thread."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._busy = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._waiting or self._closing)
                if not self._waiting:
                    break
                batch: list[Message] = []
                while self._waiting and len(batch) < BATCH:
                    batch += self._waiting.popleft()
                self._count -= len(batch)
                self._busy = True
            self._publish(batch)
        self._publication.close()

    def _publish(self, batch: list[Message]) -> None:
        try:
            sent = self._publication.publish(batch)
        except BROKER_ERRORS as error:
            self._publication.close()
            log.warning("left to the sweep", action="publish-failed", count=len(batch), error=str(error))
            return
        unsent = set(batch).difference(sent) if len(sent) < len(batch) else ()
        try:
            with self._begin() as uow:
                publishing.published(uow, sent, now(), unsent)
                uow.commit()
        except AssayError as error:
            # they are on their way; the sweep will send them twice, which changes nothing
            log.warning("not marked as published", action="publish-unmarked", error=str(error))
