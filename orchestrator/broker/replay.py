"""Sends a message again that was set aside, to the queue where it lay, byte for byte."""

from __future__ import annotations

from amqp.exceptions import AMQPError, NotFound
from kombu import Connection
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from orchestrator.broker.app import connection
from orchestrator.broker.wire import is_amqp
from orchestrator.domain.messages import KeptMessage
from orchestrator.errors import Refused, Unavailable
from orchestrator.settings import Settings

_PERSISTENT = 2


def resend(settings: Settings, message: KeptMessage) -> None:
    """Return once the broker has the message; :class:`Unavailable` where it does not take it."""
    try:
        with connection(settings) as opened:
            opened.ensure_connection(max_retries=1, interval_start=0, timeout=5)
            if is_amqp(settings.broker):
                _amqp(opened, message)
            else:
                _redis(opened, message)
    except NotFound as error:
        raise Refused(f"the queue {message.queue!r} is no more") from error
    except (OSError, AMQPError, KombuError, RedisError) as error:
        raise Unavailable(f"the broker cannot serve now: {error}") from error


def _amqp(opened: Connection, message: KeptMessage) -> None:
    channel = opened.default_channel
    # passive: the queue is neither made nor changed, and an answer to nowhere would be lost in silence
    channel.queue_declare(message.queue, passive=True)
    prepared = channel.prepare_message(
        message.body,
        content_type=message.content_type,
        content_encoding=_encoding(message),
        headers=dict(message.headers),
        properties={"delivery_mode": _PERSISTENT},
    )
    channel.basic_publish_confirm(prepared, exchange="", routing_key=message.queue)


def _redis(opened: Connection, message: KeptMessage) -> None:
    channel = opened.default_channel
    if not message.content_type:
        # what was set aside as raw bytes never was a message of kombu's
        channel.client.lpush(message.queue, message.body)
        return
    opened.Producer(auto_declare=False).publish(
        message.body,
        routing_key=message.queue,
        headers=dict(message.headers),
        content_type=message.content_type,
        content_encoding=_encoding(message),
    )


def _encoding(message: KeptMessage) -> str:
    return "utf-8" if message.content_type == "application/json" else "binary"
