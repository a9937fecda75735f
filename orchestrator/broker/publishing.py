"""One batch of messages on the wire, confirmed by the broker."""

from __future__ import annotations

import os
import time
from base64 import b64encode
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import orjson
from amqp.exceptions import RecoverableConnectionError
from kombu import Connection, Producer
from kombu.transport import redis

from orchestrator import tracing
from orchestrator.broker.app import connection
from orchestrator.broker.wire import Prepared, declaration, is_amqp, prepare
from orchestrator.domain.messages import JobTaskMessage, Message
from orchestrator.settings import Settings

#: How long RabbitMQ may take to confirm a batch, in seconds.
_CONFIRMATION = 30.0
_PERSISTENT = 2


class Publication:
    """A connection of its own to publish on; opened when first used, and again after :meth:`close`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._amqp = is_amqp(settings.broker)
        self._connection: Connection | None = None
        self._confirmed: _Confirmed | None = None

    def publish(self, messages: Sequence[Message]) -> list[Message]:
        """Publish a batch; return those that the broker took responsibility for."""
        if self._connection is None:
            self._connection = connection(self._settings)
        prepared = [prepare(each, amqp=self._amqp) for each in messages]
        if not self._amqp:
            return _publish_virtual(self._connection.default_channel, prepared)
        if self._confirmed is None:
            self._confirmed = _Confirmed(self._connection.default_channel)
        return self._confirmed.publish(prepared)

    def close(self) -> None:
        """Drop the connection."""
        self._confirmed = None
        if self._connection is not None:
            self._connection.release()
            self._connection = None


class TracedPublication(Publication):
    """A span for each batch, and one in the trace of each job that it serves."""

    def publish(self, messages: Sequence[Message]) -> list[Message]:
        with tracing.span("publish", messages=len(messages)) as span:
            sent = super().publish(messages)
            for each in sent:
                if isinstance(each, JobTaskMessage) and each.job_id is not None:
                    span.job(each.job_id, worker=each.worker, attempt=each.attempt)
        return sent


def publication(settings: Settings) -> Publication:
    """A publication; while tracing is on, one that tells of each batch."""
    return TracedPublication(settings) if tracing.on() else Publication(settings)


def _publish_virtual(channel: Any, prepared: Sequence[Prepared]) -> list[Message]:
    """Put messages into the lists that kombu's transport keeps queues in."""
    if isinstance(channel, redis.Channel):
        _push(channel, prepared)
    else:
        producer = Producer(channel, auto_declare=False)
        for each in prepared:
            producer.publish(
                each.body,
                routing_key=each.queue,
                headers=each.headers,
                priority=each.priority,
                content_type="application/json",
                content_encoding="utf-8",
                correlation_id=each.headers["id"],
            )
    return [each.message for each in prepared]


def _push(channel: redis.Channel, prepared: Sequence[Prepared]) -> None:
    """One command for each list: kombu's own way, a command for each message, takes ten times as long."""
    lists: defaultdict[str, list[bytes]] = defaultdict(list)
    for each in prepared:
        lists[channel._q_for_pri(each.queue, each.priority)].append(_redis_message(each))  # noqa: SLF001
    with channel.client.pipeline(transaction=False) as pipeline:
        for name, messages in lists.items():
            pipeline.lpush(name, *messages)
        pipeline.execute()


def _redis_message(each: Prepared) -> bytes:
    """The message as kombu's virtual transports spell it."""
    return orjson.dumps(
        {
            "body": b64encode(each.body).decode(),
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": each.headers,
            "properties": {
                "correlation_id": each.headers["id"],
                "delivery_mode": _PERSISTENT,
                "delivery_info": {"exchange": "", "routing_key": each.queue},
                "priority": each.priority,
                "body_encoding": "base64",
                "delivery_tag": os.urandom(16).hex(),
            },
        }
    )


class _Confirmed:
    """A channel whose publisher confirms are waited for once per batch instead of once per message."""

    def __init__(self, channel: Any) -> None:
        self._channel = channel
        self._declared: set[str] = set()
        self._published = 0
        self._open: set[int] = set()
        self._refused: set[int] = set()
        self._returned: set[str] = set()
        channel.confirm_select()
        channel.events["basic_ack"].add(self._on_ack)
        channel.events["basic_nack"].add(self._on_nack)
        channel.events["basic_return"].add(self._on_return)

    def publish(self, prepared: Sequence[Prepared]) -> list[Message]:
        """Publish; return the messages that RabbitMQ confirmed and that reached a queue."""
        for name in {each.queue for each in prepared} - self._declared:
            declaration(name, amqp=True)(self._channel).declare()
            self._declared.add(name)
        self._refused.clear()
        self._returned.clear()
        first = self._published + 1
        for each in prepared:
            self._send(each)
        self._await_confirms()
        # a queue that somebody deleted is declared again the next time
        self._declared -= self._returned
        return [
            each.message
            for tag, each in enumerate(prepared, first)
            if tag not in self._refused and each.queue not in self._returned
        ]

    def _send(self, each: Prepared) -> None:
        message = self._channel.prepare_message(
            each.body,
            content_type="application/json",
            content_encoding="utf-8",
            headers=each.headers,
            properties={"delivery_mode": _PERSISTENT, "correlation_id": each.headers["id"]},
        )
        self._published += 1
        self._open.add(self._published)
        self._channel.basic_publish(message, exchange="", routing_key=each.queue, mandatory=True)

    def _await_confirms(self) -> None:
        deadline = time.monotonic() + _CONFIRMATION
        while self._open:
            left = deadline - time.monotonic()
            if left <= 0:
                raise RecoverableConnectionError("RabbitMQ did not confirm in time")
            self._channel.connection.drain_events(timeout=left)

    def _settled(self, tag: int, multiple: bool) -> set[int]:
        tags = {each for each in self._open if each <= tag} if multiple else {tag}
        self._open -= tags
        return tags

    def _on_ack(self, tag: int, multiple: bool) -> None:
        self._settled(tag, multiple)

    def _on_nack(self, tag: int, multiple: bool) -> None:
        self._refused |= self._settled(tag, multiple)

    def _on_return(self, _error: Exception, _exchange: str, routing_key: str, _message: Any) -> None:
        self._returned.add(routing_key)
