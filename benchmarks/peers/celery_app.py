"""Celery as both of its peers here use it: ``solo`` processes, its fastest pool, acknowledging late."""

import os

from celery import Celery
from common import BROKER, COUNT, stamp
from kombu import Exchange, Queue


def make(**settings: object) -> Celery:
    """The app, with a no-op task."""
    amqp = BROKER.startswith("amqp")
    arguments = {"x-queue-type": "quorum"} if amqp else None
    app = Celery("peer", broker=BROKER if amqp else f"redis+socket://{BROKER}")
    app.conf.update(
        task_queues=[Queue("peer", Exchange(""), routing_key="peer", queue_arguments=arguments)],
        task_default_queue="peer",
        task_acks_late=True,
        worker_prefetch_multiplier=64,
        worker_redirect_stdouts=False,
        broker_connection_retry_on_startup=True,
        # as fast as this broker can: Assay is measured without the emulation as well
        broker_transport_options={} if amqp else {"ack_emulation": False},
        **settings,
    )

    @app.task(name="noop")
    def noop(worker: str, attempt: int) -> None:  # noqa: ARG001 - as many arguments as the others
        stamp()

    return app


def publish(app: Celery) -> None:
    with app.producer_or_acquire() as producer, producer.batch():
        for _ in range(COUNT):
            app.send_task("noop", ("noop", 1), producer=producer)


def work(app: Celery, *, events: bool = False) -> None:
    app.Worker(
        pool="solo",
        loglevel="WARNING",
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        quiet=True,
        task_events=events,
        hostname=f"peer-{os.getpid()}@%h",
    ).start()
