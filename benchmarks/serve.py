"""A worker process of a benchmark: gets ready, waits for the go, works until it is told to end.

    python -m benchmarks.serve KIND FOLDER NAME

``bare`` is Celery alone; ``recorded`` Assay's worker process with a no-op in place of the sandboxed run;
``sandboxed`` Assay's worker process as it is, with no-op workers. All settings come from the environment.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

from celery import Celery
from kombu import Exchange, Queue

from benchmarks.kit.noop import NAMES
from benchmarks.kit.stamps import Stamps
from orchestrator.broker.app import broker_url, transport_options
from orchestrator.broker.process import run_worker
from orchestrator.broker.wire import is_amqp
from orchestrator.domain.clock import now
from orchestrator.domain.lifecycle import Actor
from orchestrator.domain.transition import Transition
from orchestrator.domain.vocabulary import JobTaskState
from orchestrator.services.executing import Assignment
from orchestrator.settings import Settings, load
from orchestrator.worker import installed

BARE_QUEUE = "bare"


def bare_app(settings: Settings) -> Celery:
    """Celery with Assay's transport and late acknowledgements, and nothing that records."""
    arguments = {"x-queue-type": "quorum"} if is_amqp(settings.broker) else None
    app = Celery("bare", broker=broker_url(settings))
    app.conf.update(
        broker_transport_options=transport_options(settings),
        task_queues=[Queue(BARE_QUEUE, Exchange(""), routing_key=BARE_QUEUE, queue_arguments=arguments)],
        task_default_queue=BARE_QUEUE,
        task_acks_late=True,
        task_ignore_result=True,
        accept_content=["json"],
        worker_prefetch_multiplier=64,
        worker_redirect_stdouts=False,
        broker_connection_retry_on_startup=True,
    )
    return app


def publish_bare(settings: Settings, count: int) -> None:
    """Send no-op tasks with as many arguments as a job task's message has."""
    app = bare_app(settings)
    with app.producer_or_acquire() as producer, producer.batch():
        for _ in range(count):
            app.send_task("noop", (NAMES[0], 1), producer=producer)
    app.close()


def _serve_bare(stamps: Stamps, settings: Settings) -> None:
    app = bare_app(settings)
    nobody = bytes(16)

    @app.task(name="noop")
    def noop(worker: str, attempt: int) -> None:  # noqa: ARG001 - as many arguments as the other
        stamps.add(nobody)

    app.Worker(
        pool="solo",
        loglevel="WARNING",
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        quiet=True,
        hostname=f"bare-{os.getpid()}@%h",
    ).start()


def _serve_recorded(stamps: Stamps, settings: Settings) -> None:
    def noop(assignment: Assignment) -> Transition:
        stamps.add(assignment.job_task_id.bytes)
        return Transition(
            job_task_id=assignment.job_task_id,
            target=JobTaskState.success,
            actor=Actor.recorder,
            at=now(),
            attempt=assignment.attempt,
        )

    run_worker(settings, list(NAMES), analyse=noop)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=["bare", "recorded", "sandboxed"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("name")
    given = parser.parse_args()
    settings = load()
    stamps = Stamps(given.folder / "stamps")
    if given.kind != "bare":
        installed()  # the analysis workers' libraries take seconds to import
    (given.folder / f"{given.name}.ready").touch()
    while not (given.folder / "go").exists():
        time.sleep(0.002)
    if given.kind == "bare":
        _serve_bare(stamps, settings)
    elif given.kind == "recorded":
        _serve_recorded(stamps, settings)
    else:
        run_worker(settings, list(NAMES))


if __name__ == "__main__":
    main()
