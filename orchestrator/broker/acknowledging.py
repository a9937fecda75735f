"""Acknowledgements: many at a time, by the thread whose connection it is."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

import structlog

log = structlog.get_logger(__name__)


class Acknowledgements:
    """The messages that a consumer's channel delivered, in order, and those of them that may be acknowledged.

    RabbitMQ takes "everything up to this one" as one acknowledgement; a batch of the recorder is mostly that.
    """

    def __init__(self, errors: tuple[type[Exception], ...], *, amqp: bool) -> None:
        self._errors = errors
        self._amqp = amqp
        self._channel: Any = None
        #: on AMQP, delivery tag → message, in the order of delivery, from the first that is not settled on
        self._open: dict[Any, Any] = {}
        self._ready: deque[Any] = deque()

    def delivered(self, message: Any) -> None:
        """Note a message, before anybody may acknowledge it."""
        if message.channel is not self._channel:
            # delivery tags begin anew with the channel; what an old one delivered comes again
            self._channel = message.channel
            self._open.clear()
        if self._amqp:
            self._forget_settled()
            self._open[message.delivery_tag] = message

    def add(self, messages: Iterable[Any]) -> None:
        """Take messages to acknowledge, from any thread."""
        self._ready.extend(messages)

    def send(self) -> None:
        """Acknowledge what was taken; only the connection's own thread may."""
        ready = {}
        while self._ready:
            message = self._ready.popleft()
            if message.channel is self._channel and not message.acknowledged:
                ready[message.delivery_tag] = message
        if not ready:
            return
        try:
            self._send(ready)
        except self._errors as error:
            log.warning("not acknowledged", action="ack-failed", count=len(ready), error=str(error))

    def _send(self, ready: Mapping[Any, Any]) -> None:
        last = self._last_without_gap(ready)
        if last is not None:
            self._channel.basic_ack(last, multiple=True)
        for tag, message in ready.items():
            if last is None or tag > last:
                self._channel.basic_ack(tag)
            message._state = "ACK"  # noqa: SLF001 - kombu offers this only together with the sending

    def _last_without_gap(self, ready: Mapping[Any, Any]) -> Any:
        """The last to acknowledge before which everything is settled, or to be; None: there is none."""
        last = None
        for tag, message in self._open.items():
            if tag in ready:
                last = tag
            elif not message.acknowledged:
                break
        return last

    def _forget_settled(self) -> None:
        while self._open and (first := next(iter(self._open.items())))[1].acknowledged:
            del self._open[first[0]]
