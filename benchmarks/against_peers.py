"""The same no-op work done by peers: the same broker and database, the same number of worker processes.

    python -m benchmarks.against_peers [--peer karton rq …] [--quick] [--write]

Each peer runs in an environment of its own in ``.cache/benchmarks``, made here from pinned versions. A
round publishes everything, then lets the worker processes go, and ends with the last run, or with the last
result in the database where a peer records there.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import recording
from benchmarks.kit import stamps
from benchmarks.kit.environments import python_of
from benchmarks.kit.figures import Spread, progress, ratios, take_turns
from benchmarks.kit.plots import Bar, bars
from benchmarks.kit.processes import Process, until
from benchmarks.kit.report import Report, Table
from benchmarks.kit.servers import PostgresServer, folder, missing
from tests.integration.backends import broker

SCRIPTS = Path(__file__).parent / "peers"
PSYCOPG = "psycopg[binary,pool]==3.3.9"


@dataclass(frozen=True, slots=True)
class Peer:
    """What to install, which script to run, and what the peer keeps of a run."""

    name: str
    script: str
    packages: tuple[str, ...]
    brokers: tuple[str, ...]
    keeps: str
    #: Its results are rows in PostgreSQL, which a process of its own watches.
    watched: bool = False
    #: Processes that it needs besides the workers.
    others: tuple[str, ...] = ()


BOTH = ("redis", "rabbitmq")
PEERS = (
    Peer("Karton", "karton", ("karton-core==5.9.1",), ("redis",), "Redis", others=("system",)),
    Peer(
        "Celery + django-celery-results",
        "celery_django",
        ("celery[redis]==5.7.0", "django-celery-results==2.6.0", PSYCOPG),
        BOTH,
        "PostgreSQL: the end",
        watched=True,
    ),
    Peer(
        "Celery + SQLAlchemy backend + events",
        "celery_sqlalchemy",
        ("celery[redis]==5.7.0", "sqlalchemy==2.1.9", PSYCOPG),
        BOTH,
        "PostgreSQL: the end",
        watched=True,
    ),
    Peer("RQ", "rq", ("rq==3.0.0",), ("redis",), "Redis"),
    Peer("Dramatiq", "dramatiq", ("dramatiq[redis,rabbitmq]==2.2.1",), BOTH, "nothing"),
    Peer(
        "Procrastinate",
        "procrastinate",
        ("procrastinate==3.10.0", PSYCOPG),
        ("postgresql",),
        "PostgreSQL: start and end",
        True,
    ),
)
ASSAY_KEEPS = "PostgreSQL: start and end, with history"


def measure(
    peer: Peer, broker_kind: str, postgres: PostgresServer, extent: recording.Extent
) -> recording.Round:
    """One round on a broker and a database of its own."""
    with ExitStack() as stack:
        kind = "redis" if broker_kind == "postgresql" else broker_kind
        url = stack.enter_context(broker(kind, missing))
        name = postgres.create()
        stack.callback(postgres.drop, name)
        where = folder()
        stack.callback(shutil.rmtree, where)
        env = {
            **os.environ,
            "PYTHONPATH": str(SCRIPTS),
            "PYTHONWARNINGS": "ignore",
            "BENCH_FOLDER": str(where),
            "BENCH_BROKER": url.removeprefix("redis+socket://"),
            "BENCH_DATABASE": postgres.dsn(name),
            "BENCH_COUNT": str(extent.tasks),
        }
        command = [python_of(peer.script, peer.packages), str(SCRIPTS / f"use_{peer.script}.py")]
        for step in ("prepare", "publish"):
            subprocess.run([*command, step], env=env, check=True)
        return _drain(peer, command, env, where, postgres, extent, stack)


def _drain(
    peer: Peer,
    command: list[str],
    env: dict[str, str],
    where: Path,
    postgres: PostgresServer,
    extent: recording.Extent,
    stack: ExitStack,
) -> recording.Round:
    workers = [["work", f"work-{number}"] for number in range(extent.processes)]
    jobs = [*workers, *([each, each] for each in peer.others), *([["watch"]] if peer.watched else [])]
    running = [Process([*command, *job], env) for job in jobs]
    for process in reversed(running):
        stack.callback(process.close)
    counted = running[:-1] if peer.watched else running

    def awaited(check: Callable[[], object]) -> None:
        until(lambda: check() or _none_ended(peer, running))

    awaited(lambda: all((where / f"{job[-1]}.ready").exists() for job in jobs))
    (where / "go").touch()
    awaited(lambda: stamps.count(where / "stamps") > 0)
    used = sum(each.cpu_seconds() for each in counted)
    database = postgres.cpu_seconds()
    end = where / "ended"
    awaited(end.exists if peer.watched else lambda: stamps.count(where / "stamps") >= extent.tasks)
    began, *_, last = sorted(stamps.moments(where / "stamps"))
    ended = float(end.read_text()) if peer.watched else last
    thousands = extent.tasks / 1000
    return recording.Round(
        extent.tasks / (ended - began),
        (sum(each.cpu_seconds() for each in counted) - used) / thousands,
        (postgres.cpu_seconds() - database) / thousands,
    )


def _none_ended(peer: Peer, running: Sequence[Process]) -> bool:
    if all(each.alive() for each in running):
        return False
    raise SystemExit(f"a process of {peer.name} ended: see above")


Case = tuple[str, str, str]


def cases(
    peers: Sequence[Peer], postgres: PostgresServer, extent: recording.Extent
) -> dict[Case, Callable[[], recording.Round]]:
    """Assay on both brokers, then each peer on those that it speaks: name, broker, what is kept."""
    found: dict[Case, Callable[[], recording.Round]] = {
        ("Assay", kind, ASSAY_KEEPS): partial(recording.measure, "recorded", kind, postgres, extent)
        for kind in BOTH
    }
    for peer in peers:
        for kind in peer.brokers:
            found[peer.name, kind, peer.keeps] = partial(measure, peer, kind, postgres, extent)
    return found


def table(found: dict[Case, list[recording.Round]]) -> Table:
    rates = {case: [each.rate for each in rounds] for case, rounds in found.items()}
    assay = {case[1]: rates[case] for case in found if case[0] == "Assay"}

    def times(case: Case, kind: str) -> str:
        return ratios(assay[kind], rates[case]).text(1)

    rows = [
        [
            *case,
            Spread.of(rates[case]).text(),
            times(case, "redis"),
            times(case, "rabbitmq"),
            Spread.of(each.workers for each in rounds).text(2),
            Spread.of(each.database for each in rounds).text(2),
        ]
        for case, rounds in found.items()
    ]
    columns = (
        *("", "queue", "keeps", "tasks/s", "Assay on Redis is … times it", "Assay on RabbitMQ is … times it"),
        *("workers' CPU s per 1,000", "database's CPU s per 1,000"),
    )
    return Table(columns, rows)


TEXT = """
Tasks that do nothing and were all published before the worker processes were let go. Every system has two
worker processes, on the same Redis (append-only file, synced every second), RabbitMQ and PostgreSQL (every
commit synced). Karton has `karton-system` besides, as it needs to; Dramatiq its eight threads a process,
Procrastinate ten coroutines, RQ the worker that does not fork, Celery the `solo` pool, which is its
fastest.

*Keeps* says where a task's state can be read once it ended: only what is in PostgreSQL survives the loss of
the broker. Assay claims a job task before it begins, and keeps a history of every transition.
"""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    names = [peer.script for peer in PEERS]
    parser.add_argument("--peer", nargs="*", default=names, choices=names)
    parser.add_argument("--quick", action="store_true", help="one small round")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--write", action="store_true", help="write the page")
    given = parser.parse_args(arguments)
    full = recording.Extent(tasks=5_000, rounds=given.rounds or 2)
    extent = recording.Extent(tasks=1_000, rounds=1) if given.quick else full
    peers = [peer for peer in PEERS if peer.script in given.peer]
    for peer in peers:
        python_of(peer.script, peer.packages)
    with PostgresServer() as postgres:
        found = take_turns(
            cases(peers, postgres, extent),
            extent.rounds,
            lambda case, each: progress(f"{case[0]}, {case[1]}: {each.rate:,.0f}/s"),
        )
    drawn = [
        Bar(
            f"{name}, {kind}"[:36],
            Spread.of(each.rate for each in rounds),
            "Assay" if name == "Assay" else "peers",
        )
        for (name, kind, _), rounds in found.items()
    ]
    extents = (
        f"{extent.tasks:,} tasks, {extent.processes} worker processes, {extent.rounds} interleaved rounds."
    )
    Report(
        "peers",
        "Against peers",
        "python -m benchmarks.against_peers --write",
        [table(found)],
        f"{TEXT}\n{extents}",
        {"rates": bars("No-op tasks per second, two worker processes", "tasks/s", drawn)},
    ).finish(write=given.write)


if __name__ == "__main__":
    main()
