"""Acknowledgements: many at a time, by the thread whose connection it is."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable
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
        #: delivery tag → message, in the order of delivery
        self._open: dict[Any, Any] = {}
        self._ready: deque[Any] = deque()

    def delivered(self, message: Any) -> None:
        """Note a message, before anybody may acknowledge it."""
        if message.channel is not self._channel:
            # delivery tags begin anew with the channel; what an old one delivered comes again
            self._channel = message.channel
            self._open.clear()
        self._open[message.delivery_tag] = message

    def add(self, messages: Iterable[Any]) -> None:
        """Take messages to acknowledge, from any thread."""
        self._ready.extend(messages)

    def send(self) -> None:
        """Acknowledge what was taken; only the connection's own thread may."""
        tags = set()
        while self._ready:
            message = self._ready.popleft()
            if message.channel is self._channel and not message.acknowledged:
                tags.add(message.delivery_tag)
        if not tags:
            return
        try:
            self._send(tags)
        except self._errors as error:
            log.warning("not acknowledged", action="ack-failed", count=len(tags), error=str(error))

    def _send(self, tags: Collection[Any]) -> None:
        prefix = self._prefix(tags) if self._amqp else []
        if prefix:
            self._channel.basic_ack(prefix[-1], multiple=True)
            for tag in prefix:
                self._settle(tag)
        for tag in tags:
            if tag in self._open:
                self._channel.basic_ack(tag)
                self._settle(tag)

    def _prefix(self, tags: Collection[Any]) -> list[Any]:
        """What was delivered first and is settled, or to be, without a gap."""
        prefix = []
        for tag, message in self._open.items():
            if tag not in tags and not message.acknowledged:
                break
            prefix.append(tag)
        while prefix and prefix[-1] not in tags:
            prefix.pop()
        return prefix

    def _settle(self, tag: Any) -> None:
        message = self._open.pop(tag)
        if not message.acknowledged:
            message._state = "ACK"  # noqa: SLF001 - kombu offers this only together with the sending
