"""Recorded no-op job tasks per second against bare Celery no-op tasks: same broker, options, processes.

Rounds of both kinds take turns, so that whatever else the machine does meets both. Every message is published
before the worker processes, imported and waiting, are let go. The clock runs from the first message that any
process begins to the last one that is done: for a recorded one, after the commit that holds its outcome.

    python -m benchmarks.recording --broker rabbitmq --database postgresql
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from celery import Celery
from kombu import Exchange, Queue
from sqlalchemy import func, insert, select

from orchestrator.broker.app import broker_url, transport_options
from orchestrator.broker.process import run_worker
from orchestrator.broker.publishing import Publication
from orchestrator.broker.recorder import Recorder
from orchestrator.broker.wire import is_amqp
from orchestrator.domain.clock import now
from orchestrator.domain.ids import new_id
from orchestrator.domain.lifecycle import Actor
from orchestrator.domain.messages import JobTaskMessage
from orchestrator.domain.transition import Transition
from orchestrator.domain.vocabulary import JobState, JobTaskState
from orchestrator.services import access
from orchestrator.services.executing import Assignment
from orchestrator.settings import Settings
from orchestrator.store import migrations
from orchestrator.store.engine import make_engine
from orchestrator.store.tables import Job, JobTask, JobTaskEvent, SampleRow
from orchestrator.store.unit_of_work import UnitOfWork
from tests.integration.api import TestDatabase
from tests.integration.backends import broker, eventually

WORKER = "hashes"
JOB_SIZE = 8
BARE_QUEUE = "bare"
_PUBLISH_AT_A_TIME = 1000


class Tally:
    """How much a worker process has done, and when; told to the parent through a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.first = 0.0
        self.last = 0.0
        self.done = 0

    def begin(self) -> None:
        if not self.first:
            self.first = time.monotonic()

    def add(self, count: int) -> None:
        self.done += count
        self.last = time.monotonic()

    def tell(self) -> None:
        while True:
            time.sleep(0.1)
            draft = self._path.with_suffix(".new")
            draft.write_text(json.dumps([self.first, self.last, self.done]))
            draft.replace(self._path)


def serve(kind: str, folder: Path, name: str, settings: Settings) -> None:
    """Be a worker process: get ready, wait for the go, work until killed."""
    tally = Tally(folder / f"{name}.json")
    threading.Thread(target=tally.tell, daemon=True).start()
    (folder / f"{name}.ready").touch()
    while not (folder / "go").exists():
        time.sleep(0.002)
    (serve_bare if kind == "bare" else serve_recorded)(tally, settings)


def bare_app(settings: Settings) -> Celery:
    """Celery with Assay's transport and late acknowledgements, and nothing that records."""
    amqp = is_amqp(settings.broker)
    arguments = {"x-queue-type": "quorum"} if amqp else None
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


def serve_bare(tally: Tally, settings: Settings) -> None:
    app = bare_app(settings)

    @app.task(name="noop")
    def noop(worker: str, attempt: int) -> None:  # noqa: ARG001 - as many arguments as the other
        tally.begin()
        tally.add(1)

    app.Worker(
        pool="solo",
        loglevel="WARNING",
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        quiet=True,
        hostname=f"bare-{os.getpid()}@%h",
    ).start()


def serve_recorded(tally: Tally, settings: Settings) -> None:
    release = Recorder._release  # noqa: SLF001 - where a commit is known to be done

    def counted(self: Recorder, outcomes: list[Transition]) -> None:
        release(self, outcomes)
        tally.add(len(outcomes))

    Recorder._release = counted  # type: ignore[method-assign,assignment]  # noqa: SLF001

    def noop(assignment: Assignment) -> Transition:
        tally.begin()
        return Transition(
            job_task_id=assignment.job_task_id,
            target=JobTaskState.success,
            actor=Actor.recorder,
            at=now(),
            attempt=assignment.attempt,
        )

    run_worker(settings, [WORKER], analyse=noop)


def plant(settings: Settings, count: int) -> list[JobTaskMessage]:
    """Enqueue job tasks, in jobs of eight, over one sample."""
    engine = make_engine(settings.database)
    migrations.upgrade(engine)
    begin = partial(UnitOfWork, engine)
    at = now()
    with begin() as uow:
        customer_id = access.service_user(uow).customer_id
        connection = uow.session.connection()
        sha256 = new_id().hex * 2
        hashes = {"sha512": "0" * 128, "sha1": "0" * 40, "md5": "0" * 32}
        uow.session.add(SampleRow(sha256=sha256, **hashes, size=1, created_at=at))
        uow.flush()
        jobs = [
            {
                "id": new_id(),
                "customer_id": customer_id,
                "sample_sha256": sha256,
                "state": JobState.enqueued,
                "judged": False,
                "enqueued_at": at,
                "deadline_at": at + timedelta(hours=1),
            }
            for _ in range(-(-count // JOB_SIZE))
        ]
        connection.execute(insert(Job.__table__), jobs)
        rows = [
            {
                "id": new_id(),
                "job_id": jobs[number // JOB_SIZE]["id"],
                "worker": WORKER if number % JOB_SIZE == 0 else f"{WORKER}-{number % JOB_SIZE}",
                "state": JobTaskState.enqueued,
                "celery": True,
                "enqueued_at": at,
                "due_at": at,
                "published_at": at,
                "deadline_at": at + timedelta(hours=1),
            }
            for number in range(count)
        ]
        connection.execute(insert(JobTask.__table__), rows)
        uow.commit()
    engine.dispose()
    return [JobTaskMessage(row["id"], WORKER) for row in rows]


def check(settings: Settings, count: int) -> None:
    """Every job task succeeded, with exactly one history row for its start and one for its end."""
    engine = make_engine(settings.database)
    with UnitOfWork(engine, write=False) as uow:
        states = dict(uow.session.execute(select(JobTask.state, func.count()).group_by(JobTask.state)).all())
        targets = dict(
            uow.session.execute(select(JobTaskEvent.target, func.count()).group_by(JobTaskEvent.target)).all()
        )
        closed = uow.session.scalar(select(func.count()).where(Job.state == JobState.done))
    engine.dispose()
    assert states == {JobTaskState.success: count}, states
    assert targets == {JobTaskState.executing: count, JobTaskState.success: count}, targets
    assert closed == -(-count // JOB_SIZE), closed


def publish_bare(settings: Settings, count: int) -> None:
    app = bare_app(settings)
    with app.producer_or_acquire() as producer, producer.batch():
        for _ in range(count):
            app.send_task("noop", (WORKER, 1), producer=producer)


def publish_recorded(settings: Settings, count: int) -> None:
    messages = plant(settings, count)
    publication = Publication(settings)
    for start in range(0, count, _PUBLISH_AT_A_TIME):
        publication.publish(messages[start : start + _PUBLISH_AT_A_TIME])
    publication.close()


def measure(kind: str, settings: Settings, count: int, processes: int) -> float:
    """One round; tasks per second."""
    (publish_bare if kind == "bare" else publish_recorded)(settings, count)
    folder = Path(tempfile.mkdtemp(prefix="assay-bench-"))
    env = {
        **{name: value for name, value in os.environ.items() if not name.startswith("ASSAY_")},
        "ASSAY_DATA_DIR": str(settings.folder),
        "ASSAY_DATABASE_URL": settings.database_url,
        "ASSAY_BROKER_URL": settings.broker_url,
        "ASSAY_LOG_LEVEL": "warning",
    }
    names = [f"{kind}-{number}" for number in range(processes)]
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.recording", "--serve", kind]
    running = [subprocess.Popen([*command, str(folder), name], env=env) for name in names]
    try:
        eventually(lambda: all((folder / f"{name}.ready").exists() for name in names))
        (folder / "go").touch()

        def finished() -> list[Any]:
            tallies = [json.loads(path.read_text()) for path in folder.glob("*.json")]
            return tallies if sum(done for _, _, done in tallies) >= count else []

        tallies = eventually(finished, patience=600)
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(30)
        shutil.rmtree(folder)
    if kind == "recorded":
        check(settings, count)
    began = min(first for first, _, _ in tallies if first)
    return count / (max(last for _, last, _ in tallies) - began)


@contextmanager
def place(kind: str, database: str) -> Iterator[Settings]:
    """A broker and a store of a round's own."""

    def missing(service: str) -> None:
        raise SystemExit(f"{service} is not running")

    folder = Path(tempfile.mkdtemp(prefix="assay-bench-"))
    with broker(kind, missing) as url:
        own = TestDatabase() if database == "postgresql" else None
        try:
            yield Settings(data_dir=folder, database_url=own.url if own else "", broker_url=url)
        finally:
            if own:
                own.drop()
            shutil.rmtree(folder)


def spread(values: list[float]) -> str:
    """Median and range."""
    return f"{statistics.median(values):,.0f} ({min(values):,.0f} to {max(values):,.0f})"


def compare(kind: str, database: str, count: int, rounds: int, processes: int) -> str:
    """A row of the table: bare, recorded, and the ratio, each a median over interleaved rounds."""
    rates: dict[str, list[float]] = {"bare": [], "recorded": []}
    for _ in range(rounds):
        for each, found in rates.items():
            with place(kind, database) as settings:
                found.append(measure(each, settings, count, processes))
                print(f"  {kind} {database} {each}: {found[-1]:,.0f}/s", file=sys.stderr)
    ratios = [recorded / bare for bare, recorded in zip(rates["bare"], rates["recorded"], strict=True)]
    ratio = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    return f"| {kind} | {database} | {spread(rates['bare'])} | {spread(rates['recorded'])} | {ratio} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--broker", nargs="*", default=["rabbitmq", "redis", "valkey"])
    parser.add_argument("--database", nargs="*", default=["postgresql"])
    parser.add_argument("--tasks", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--serve", nargs=3, metavar=("KIND", "FOLDER", "NAME"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        kind, folder, name = given.serve
        serve(kind, Path(folder), name, Settings())
        return
    rows = [
        compare(kind, database, given.tasks, given.rounds, given.processes)
        for kind in given.broker
        for database in given.database
    ]
    print(f"{given.tasks:,} no-op tasks, {given.processes} processes, {given.rounds} interleaved rounds\n")
    print("| broker | database | bare Celery, tasks/s | recorded, job tasks/s | recorded / bare |")
    print("|---|---|---|---|---|")
    print("\n".join(rows))


if __name__ == "__main__":
    main()
