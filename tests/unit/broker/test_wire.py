"""How messages look on the broker."""

from __future__ import annotations

import json

import pytest

from orchestrator.broker import wire
from orchestrator.domain.ids import new_id
from orchestrator.domain.messages import JobTaskMessage, ServiceTaskMessage


def test_a_job_task() -> None:
    """The Celery task's id is the job task's, and the arguments say worker and attempt."""
    message = JobTaskMessage(new_id(), "yara", attempt=3)
    prepared = wire.prepare(message, amqp=False)
    assert prepared.queue == "analysis.yara"
    assert prepared.headers["id"] == prepared.headers["root_id"] == str(message.id)
    assert prepared.headers["task"] == "assay.analyse"
    arguments, keywords, _ = json.loads(prepared.body)
    assert (arguments, keywords) == (["yara", 3], {})


def test_a_service_task() -> None:
    """It goes to the queue that every process serves."""
    prepared = wire.prepare(ServiceTaskMessage(new_id(), "reindex"), amqp=True)
    assert (prepared.queue, prepared.headers["task"]) == ("service", "assay.serve")


@pytest.mark.parametrize(("priority", "on_the_wire"), [(9, 0), (5, 4), (0, 9)])
def test_priorities_on_redis(priority: int, on_the_wire: int) -> None:
    """The most urgent comes first, which kombu calls 0."""
    prepared = wire.prepare(JobTaskMessage(new_id(), "yara", priority=priority), amqp=False)
    assert (prepared.priority, prepared.queue) == (on_the_wire, "analysis.yara")


@pytest.mark.parametrize(("priority", "queue"), [(9, "analysis.yara"), (0, "bulk.analysis.yara")])
def test_priorities_on_rabbitmq(priority: int, queue: str) -> None:
    """Bulk work has a queue of its own."""
    assert wire.prepare(JobTaskMessage(new_id(), "yara", priority=priority), amqp=True).queue == queue


def test_every_queue_is_consumed() -> None:
    """What is published for a worker, a process that serves it consumes from."""
    for amqp in (True, False):
        consumed = {queue.name for queue in wire.queues_for(["yara"], amqp=amqp)}
        for priority in range(10):
            message = JobTaskMessage(new_id(), "yara", priority=priority)
            assert wire.prepare(message, amqp=amqp).queue in consumed


@pytest.mark.parametrize(
    ("queue", "worker"),
    [
        ("analysis.a.b", "a.b"),
        ("analysis.x.bulk", "x.bulk"),
        ("bulk.analysis.yara", "yara"),
        ("service", None),
    ],
)
def test_the_worker_of_a_queue(queue: str, worker: str | None) -> None:
    """Queue names lead back to workers."""
    assert wire.worker_of(queue) == worker


def test_quorum_queues() -> None:
    """On RabbitMQ every queue is durable and replicated."""
    for queue in wire.queues_for(["yara"], amqp=True):
        assert queue.durable
        assert queue.queue_arguments == {"x-queue-type": "quorum"}
