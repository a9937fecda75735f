"""Messages are acknowledged many at a time, and none that nobody asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from orchestrator.broker.acknowledging import Acknowledgements


@dataclass
class Channel:
    """Keeps what it was asked to acknowledge."""

    sent: list[tuple[int, bool]] = field(default_factory=list)
    broken: bool = False

    def basic_ack(self, tag: int, multiple: bool = False) -> None:
        if self.broken:
            raise OSError("gone")
        self.sent.append((tag, multiple))


@dataclass(eq=False)
class Message:
    channel: Channel
    delivery_tag: int
    _state: str = "RECEIVED"

    @property
    def acknowledged(self) -> bool:
        return self._state != "RECEIVED"


def deliver(acknowledgements: Acknowledgements, channel: Channel, count: int) -> list[Any]:
    messages = [Message(channel, tag) for tag in range(1, count + 1)]
    for message in messages:
        acknowledgements.delivered(message)
    return messages


def acknowledged(messages: list[Any]) -> list[int]:
    return [each.delivery_tag for each in messages if each.acknowledged]


@pytest.fixture
def channel() -> Channel:
    return Channel()


@pytest.fixture
def amqp() -> Acknowledgements:
    return Acknowledgements((OSError,), amqp=True)


def test_what_came_first_goes_as_one(amqp: Acknowledgements, channel: Channel) -> None:
    """A batch without a gap is one acknowledgement."""
    messages = deliver(amqp, channel, 5)
    amqp.add(messages[:3])
    amqp.send()
    assert channel.sent == [(3, True)]
    assert acknowledged(messages) == [1, 2, 3]


def test_a_gap_is_left_alone(amqp: Acknowledgements, channel: Channel) -> None:
    """What nobody asked to acknowledge is not covered by what came after it."""
    messages = deliver(amqp, channel, 5)
    amqp.add([messages[0], messages[1], messages[3]])
    amqp.send()
    assert channel.sent == [(2, True), (4, False)]
    assert acknowledged(messages) == [1, 2, 4]


def test_what_celery_settled_is_no_gap(amqp: Acknowledgements, channel: Channel) -> None:
    """A message that was rejected, or acknowledged by Celery itself, holds up nothing."""
    messages = deliver(amqp, channel, 4)
    messages[1]._state = "REQUEUED"
    amqp.add([messages[0], messages[2]])
    amqp.send()
    assert channel.sent == [(3, True)]
    assert messages[1]._state == "REQUEUED"


def test_once_each(amqp: Acknowledgements, channel: Channel) -> None:
    """Asking twice acknowledges once."""
    messages = deliver(amqp, channel, 2)
    for _ in range(2):
        amqp.add([messages[0]])
        amqp.send()
    amqp.add([messages[1], messages[1]])
    amqp.send()
    assert channel.sent == [(1, True), (2, True)]


def test_an_old_channels_messages_come_again(amqp: Acknowledgements, channel: Channel) -> None:
    """After a reconnection, tags of the old channel mean nothing to the new one."""
    old = deliver(amqp, Channel(), 3)
    fresh = deliver(amqp, channel, 3)
    amqp.add([*old, fresh[0]])
    amqp.send()
    assert channel.sent == [(1, True)]


def test_a_broken_channel_is_survived(amqp: Acknowledgements, channel: Channel) -> None:
    """The broker hands out again what it did not hear of; that is no reason to end."""
    messages = deliver(amqp, channel, 1)
    channel.broken = True
    amqp.add(messages)
    amqp.send()
    assert not acknowledged(messages)


def test_redis_gets_one_each(channel: Channel) -> None:
    """Redis' transport has no acknowledgement of many."""
    acknowledgements = Acknowledgements((OSError,), amqp=False)
    messages = deliver(acknowledgements, channel, 3)
    acknowledgements.add(messages)
    acknowledgements.send()
    assert sorted(channel.sent) == [(1, False), (2, False), (3, False)]


@pytest.mark.parametrize("amqp", [False, True])
def test_what_celery_settled_is_not_kept(channel: Channel, amqp: bool) -> None:
    """A process that gets nothing but messages which Celery acknowledges itself does not grow."""
    acknowledgements = Acknowledgements((OSError,), amqp=amqp)
    for tag in range(1, 1001):
        message = Message(channel, tag)
        acknowledgements.delivered(message)
        message._state = "ACK"
    assert len(acknowledgements._open) <= 1
