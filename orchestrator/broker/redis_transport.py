"""kombu's Redis transport, made safe against list items that no kombu wrote."""

# mypy: disable-error-code="misc"

from __future__ import annotations

from collections.abc import Callable
from queue import Empty
from time import monotonic
from typing import Any

import orjson
from kombu.transport import redis

#: Takes the queue and the bytes of an item that is no message.
SetAside = Callable[[str, bytes, str], None]


#: Messages popped at a time, and how close two pops are in a hurry, in seconds.
_AT_A_TIME = 64
_SUCCESSION = 0.05


class Channel(redis.Channel):
    """Pops many messages at a time where many wait; one that is not kombu's goes to :attr:`set_aside`."""

    #: Given by the consumer; None outside a worker.
    set_aside: SetAside | None = None
    _popped_at = 0.0

    def _brpop_read(self, **options: Any) -> bool:
        try:
            try:
                popped = self.client.parse_response(self.client.connection, "BRPOP", **options)
            except self.connection_errors:
                self.client.connection.disconnect()
                raise
            if not popped:
                raise Empty
            key, item = popped
            queue = _text(key).rsplit(self.sep, 1)[0]
            self._queue_cycle.rotate(queue)
            self._hand_on(queue, item)
            for more in self._pop_more(key):
                self._hand_on(queue, more)
            return True
        finally:
            self._in_poll = None

    def _pop_more(self, key: Any) -> list[Any]:
        """What else waits in this list, as far as there is room, once messages come in quick succession."""
        present = monotonic()
        hurried, self._popped_at = present - self._popped_at < _SUCCESSION, present
        room = min(self.qos.can_consume_max_estimate() or 0, _AT_A_TIME)
        if not hurried or not room:
            return []
        connection = self.client.connection
        try:
            # no BRPOP is on its way: the connection is free
            connection.send_command("RPOP", key, room)
            return self.client.parse_response(connection, "RPOP") or []
        except self.connection_errors:
            connection.disconnect()
            raise

    @property
    def active_queues(self) -> list[str]:
        """As kombu's, without making a list for each message where there is no fanout queue in it."""
        if self.active_fanout_queues.isdisjoint(self._active_queues):
            return self._active_queues  # type: ignore[no-any-return]
        return super().active_queues  # type: ignore[no-any-return]

    def _hand_on(self, queue: str, item: Any) -> None:
        raw = item if isinstance(item, bytes) else str(item).encode("utf-8", "replace")
        try:
            payload = _payload(raw)
        except ValueError as error:
            set_aside = type(self).set_aside
            if set_aside is not None:
                set_aside(queue, raw, str(error))
            return
        self.connection._deliver(payload, queue)  # noqa: SLF001 - as the class that this one extends


def _text(key: Any) -> str:
    return key.decode() if isinstance(key, bytes) else str(key)


def _payload(raw: bytes) -> dict[str, Any]:
    """The message; :class:`ValueError` where it is none."""
    payload = orjson.loads(raw)
    if not isinstance(payload, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - as orjson does
    properties = payload.get("properties")
    if not isinstance(properties, dict) or "delivery_tag" not in properties:
        raise ValueError("no properties with a delivery tag")
    if not isinstance(payload.get("headers"), dict):
        raise ValueError("no headers")  # noqa: TRY004
    return payload


class Transport(redis.Transport):
    Channel = Channel
