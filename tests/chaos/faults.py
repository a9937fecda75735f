"""What a storm throws: each fault leaves the fleet whole again when it returns, but not at rest."""

from __future__ import annotations

import random
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from uuid import uuid4

import httpx
import orjson
import psutil
import psycopg
from sqlalchemy.exc import DBAPIError

from orchestrator.broker.app import connection
from orchestrator.domain.messages import JobTaskMessage
from orchestrator.errors import Unavailable
from tests.chaos.fleet import Fleet
from tests.chaos.load import Client, Load, Refused, is_clear
from tests.integration.backends import eventually
from tests.integration.house import tree

HOUR = 3600.0
#: Bodies that no worker makes sense of: no JSON, JSON of another shape, no text at all.
GARBAGE = (b"{", b"7", b"[1]", b"\xff")


@dataclass
class Storm:
    """A fleet, the load on it, and how long outages last, in seconds."""

    fleet: Fleet
    load: Load
    random: random.Random
    outage: float = 2.0

    def pause(self) -> None:
        time.sleep(self.outage * self.random.uniform(0.5, 1))


Throw = Callable[[Storm], None]


def child_killed(storm: Storm) -> None:
    """One of the sandbox's processes."""
    parts = storm.fleet.parts
    workers = [parts[name].process for name in storm.fleet.names("worker")]
    children = [each for worker in workers for each in tree(worker.pid)]
    if children:
        with suppress(psutil.NoSuchProcess):
            storm.random.choice(children).kill()


def _part(kind: str, number: signal.Signals) -> Throw:
    def throw(storm: Storm) -> None:
        storm.fleet.kill(storm.random.choice(storm.fleet.names(kind)), number)

    return throw


def broker_killed(storm: Storm) -> None:
    storm.fleet.broker.kill()
    time.sleep(storm.random.random())
    storm.fleet.broker.start()


def database_killed(storm: Storm) -> None:
    assert storm.fleet.database is not None
    storm.fleet.database.kill()
    time.sleep(storm.random.random())
    storm.fleet.database.start()


def database_away(storm: Storm) -> None:
    """Meanwhile the API says so, clearly."""
    proxy = storm.fleet.proxy
    assert proxy is not None
    proxy.cut()
    try:
        _clearly_refused(storm)
        storm.pause()
    finally:
        proxy.mend()


def _clearly_refused(storm: Storm) -> None:
    """Any answer to an upload now is a 503 that says when to come again."""
    client = Client(storm.fleet)

    def refused() -> httpx.Response | None:
        try:
            client.submit(f"steady {storm.random.random()}".encode())
        except Refused as error:
            return error.answer
        return None

    answer = eventually(refused, "no submission was refused")
    assert is_clear(answer), f"{answer.status_code} {answer.headers} {answer.text}"


def database_slow(storm: Storm) -> None:
    proxy = storm.fleet.proxy
    assert proxy is not None
    proxy.delay = storm.random.uniform(0.05, 0.3)
    storm.pause()
    proxy.delay = 0.0


def connections_used_up(storm: Storm) -> None:
    """Every connection of the fleet is ended, and others take their places."""
    database = storm.fleet.database
    assert database is not None
    with ExitStack() as stack:
        with database.connect() as superior:
            superior.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'assay'")
            with suppress(psycopg.OperationalError):
                for _ in range(database.CONNECTIONS):
                    stack.enter_context(database.connect("assay", "assay"))
        storm.pause()


def database_locked(storm: Storm) -> None:
    """Another process holds SQLite's lock."""
    path = storm.fleet.settings.database.removeprefix("sqlite:///")
    locker = sqlite3.connect(path, timeout=30, isolation_level=None)
    try:
        locker.execute("BEGIN EXCLUSIVE")
        storm.pause()
        locker.execute("ROLLBACK")
    finally:
        locker.close()


def disk_full(storm: Storm) -> None:
    storm.fleet.fill_disk()
    try:
        _clearly_refused(storm)
        storm.pause()
    finally:
        storm.fleet.free_disk()


def clock_stepped(storm: Storm) -> None:
    """An hour ahead or back, and then to where it was."""
    storm.fleet.step(storm.random.choice((HOUR, -HOUR)))
    storm.pause()
    storm.fleet.step(0.0)


def message_unreadable(storm: Storm) -> None:
    publish(storm.fleet, storm.random.choice(GARBAGE))


def message_for_nobody(storm: Storm) -> None:
    """For a worker that nobody offers, and for a job task that does not exist."""
    body = orjson.dumps([["nobody", 1], {}, {}])
    publish(storm.fleet, body, key=str(uuid4()))


def message_doubled(storm: Storm) -> None:
    with suppress(Unavailable, DBAPIError):
        jobs = storm.load.planted
        if jobs:
            row = storm.fleet.job_task(storm.random.choice(jobs))
            message = JobTaskMessage(row.id, row.worker, row.attempt)
            storm.fleet.application.dispatch([message, message])


def publish(fleet: Fleet, body: bytes, key: str = "none", queue: str = "analysis.behave") -> None:
    """A message as no part of Assay would send it."""
    with connection(fleet.settings) as opened:
        opened.Producer(auto_declare=False).publish(
            body,
            routing_key=queue,
            headers={"task": "assay.analyse", "id": key},
            content_type="application/json",
            content_encoding="utf-8",
        )


EVERYWHERE: dict[str, Throw] = {
    "sandbox child killed": child_killed,
    "worker killed": _part("worker", signal.SIGKILL),
    "worker told to end": _part("worker", signal.SIGTERM),
    "API killed": _part("api", signal.SIGKILL),
    "sweep killed": _part("sweep", signal.SIGKILL),
    "broker killed": broker_killed,
    "disk full": disk_full,
    "clock stepped": clock_stepped,
    "message unreadable": message_unreadable,
    "message for nobody": message_for_nobody,
    "message doubled": message_doubled,
}
POSTGRESQL: dict[str, Throw] = {
    "database killed": database_killed,
    "database away": database_away,
    "database slow": database_slow,
    "connections used up": connections_used_up,
}
SQLITE: dict[str, Throw] = {"database locked": database_locked}


def possible(fleet: Fleet) -> dict[str, Throw]:
    """What can happen to this fleet."""
    return EVERYWHERE | (POSTGRESQL if fleet.database is not None else SQLITE)
