"""How messages look on the broker: queues, names, headers (Celery's message protocol, version 2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
from kombu import Exchange, Queue

from orchestrator.domain.messages import BULK_BELOW, JobTaskMessage, Message

ANALYSE = "assay.analyse"
SERVE = "assay.serve"

SERVICE_QUEUE = "service"
_ANALYSIS = "analysis."
#: RabbitMQ's quorum queues know no priorities, so that bulk work gets a queue of its own there: a flood of it
#: cannot stand in front of live work.
_BULK = "bulk."

#: What Redis' transport calls most urgent is 0, as opposed to Assay's 9.
_URGENT = 9

_EMBED = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
_HEADERS: dict[str, Any] = {
    "lang": "py",
    "shadow": None,
    "eta": None,
    "expires": None,
    "group": None,
    "group_index": None,
    "retries": 0,
    "timelimit": [None, None],
    "parent_id": None,
    "argsrepr": "",
    "kwargsrepr": "",
    "origin": "assay",
    "ignore_result": True,
}


@dataclass(frozen=True, slots=True)
class Prepared:
    """A message as the transport takes it."""

    message: Message
    queue: str
    body: bytes
    headers: dict[str, Any]
    priority: int


def is_amqp(url: str) -> bool:
    """Whether the broker speaks AMQP."""
    return url.startswith("amqp")


def queue_name(worker: str, *, bulk: bool = False) -> str:
    """The queue of an analysis worker."""
    return f"{_BULK if bulk else ''}{_ANALYSIS}{worker}"


def worker_of(queue: str) -> str | None:
    """The analysis worker whose queue this is; None for any other queue."""
    name = queue.removeprefix(_BULK)
    return name.removeprefix(_ANALYSIS) if name.startswith(_ANALYSIS) else None


def declaration(name: str, *, amqp: bool) -> Queue:
    """The queue, durable and, on RabbitMQ, replicated."""
    arguments = {"x-queue-type": "quorum"} if amqp else None
    return Queue(name, Exchange(""), routing_key=name, queue_arguments=arguments)


def queues_for(workers: list[str], *, amqp: bool) -> list[Queue]:
    """Every queue that a process serving these analysis workers consumes from."""
    names = [queue_name(each) for each in workers]
    if amqp:
        names += [queue_name(each, bulk=True) for each in workers]
    return [declaration(name, amqp=amqp) for name in [*names, SERVICE_QUEUE]]


def prepare(message: Message, *, amqp: bool) -> Prepared:
    """Put a message into the form that Celery's worker reads."""
    key = str(message.id)
    if isinstance(message, JobTaskMessage):
        name, arguments = ANALYSE, [message.worker, message.attempt]
        queue = queue_name(message.worker, bulk=amqp and message.priority < BULK_BELOW)
        priority = 0 if amqp else _URGENT - message.priority
    else:
        name, arguments, queue = SERVE, [message.operation], SERVICE_QUEUE
        priority = 0 if amqp else _URGENT
    headers = {**_HEADERS, "task": name, "id": key, "root_id": key}
    return Prepared(message, queue, orjson.dumps([arguments, {}, _EMBED]), headers, priority)
