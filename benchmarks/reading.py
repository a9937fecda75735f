"""Reads of the API against a bare ASGI application that gives the same bytes from one query written by hand.

    python -m benchmarks.reading [--quick] [--write]

Both are served by one uvicorn process with the same settings and versions; the bare one asks with asyncpg,
checks no key and knows nothing else. Before anything is timed, both answers are compared byte by byte.
"""

from __future__ import annotations

import argparse
import os
import random
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import Self
from urllib.request import Request, urlopen

from sqlalchemy import select

from benchmarks.kit import load
from benchmarks.kit.environments import python_of
from benchmarks.kit.figures import Spread, progress, ratios, take_turns
from benchmarks.kit.filling import fill
from benchmarks.kit.planting import Store
from benchmarks.kit.plots import Bar, bars
from benchmarks.kit.processes import ROOT, Api, Process, answers, until
from benchmarks.kit.report import Report, Table
from benchmarks.kit.servers import PostgresServer, free_port, place
from orchestrator.domain.paging import DEFAULT_LIMIT
from orchestrator.domain.vocabulary import Role
from orchestrator.store.paging import COUNT_CEILING
from orchestrator.store.tables import Customer, JobTask

BASE = "/sampledb/v2/job"
_PACKAGES = ("uvicorn", "uvloop", "httptools", "orjson")
_ASYNCPG = "asyncpg==0.31.0"


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is stored, and how long each is asked, over how many connections."""

    job_tasks: int = 10_000
    seconds: float = 5.0
    rounds: int = 3
    connections: int = 16


def paths(store: Store, count: int = 1000) -> dict[str, list[str]]:
    """What is read: by name, the paths of many objects of that kind."""
    with store.begin(write=False) as uow:
        rows = uow.session.execute(select(JobTask.job_id, JobTask.id).limit(200_000)).all()
    chosen = random.Random(1).sample([tuple(row) for row in rows], min(count, len(rows)))
    return {
        "a job task": [f"{BASE}/{job_id}/task/{key}" for job_id, key in chosen],
        "a page of job tasks": [f"{BASE}/{job_id}/tasks" for job_id, _ in chosen],
        "a page of jobs": [BASE],
    }


class Bare:
    """The bare application, served."""

    def __init__(self, dsn: str, customer_id: int) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        packages = (*(f"{name}=={version(name)}" for name in _PACKAGES), _ASYNCPG)
        env = {
            **os.environ,
            "BENCH_DATABASE": dsn,
            "BENCH_CUSTOMER": str(customer_id),
            "BENCH_LIMIT": str(DEFAULT_LIMIT),
            "BENCH_CEILING": str(COUNT_CEILING),
            "BENCH_PORT": str(port),
        }
        script = str(ROOT / "benchmarks" / "peers" / "bare_asgi.py")
        self._process = Process([python_of("bare", packages), script], env)

    def __enter__(self) -> Self:
        until(lambda: answers(f"{self.url}{BASE}"), pause=0.2)
        return self

    def cpu_seconds(self) -> float:
        return self._process.cpu_seconds()

    def __exit__(self, *_: object) -> None:
        self._process.close()


@dataclass(frozen=True, slots=True)
class Answered:
    """A load, and the CPU seconds of the server's process per 1,000 requests."""

    load: load.Load
    cpu: float


def ask(server: Api | Bare, requests: load.Requests, extent: Extent) -> Answered:
    """One measurement."""
    used = server.cpu_seconds()
    done = load.run(server.url, requests, connections=extent.connections, seconds=extent.seconds)
    return Answered(done, (server.cpu_seconds() - used) / done.requests * 1000)


def fetch(url: str, key: str = "") -> bytes:
    with urlopen(Request(url, headers={"Argus-API-Key": key}), timeout=60) as answer:
        body: bytes = answer.read()
        return body


def compare(extent: Extent) -> dict[tuple[str, str], list[Answered]]:
    """Interleaved rounds: what is read, by whom it is answered."""
    with ExitStack() as stack:
        postgres = stack.enter_context(PostgresServer())
        name = fill(postgres, "reading", extent.job_tasks)
        where = stack.enter_context(place("redis", postgres, name))
        store = stack.enter_context(Store(where.settings))
        key = store.key(Role.viewer)
        with store.begin(write=False) as uow:
            customer_id = uow.session.scalars(select(Customer.id)).one()
        api = stack.enter_context(Api(where.settings))
        bare = stack.enter_context(Bare(postgres.dsn(name), customer_id))
        wanted = paths(store)
        for kind, each in wanted.items():
            ours, theirs = fetch(api.url + each[0], key), fetch(bare.url + each[0])
            assert ours == theirs, f"{kind}: {ours!r} is not {theirs!r}"
        headers = {"Argus-API-Key": key}
        cases = {
            (kind, name): partial(ask, server, load.Requests("GET", each, headers=headers), extent)
            for kind, each in wanted.items()
            for name, server in (("bare", bare), ("Assay", api))
        }
        return take_turns(
            cases,
            extent.rounds,
            lambda case, found: progress(f"{case}: {found.load.rate:,.0f}/s"),
        )


TEXT = """
Answers per second of one API process against a bare ASGI application: the same uvicorn, the same settings,
the same PostgreSQL, the same JSON to the byte, one query written by hand and sent with asyncpg, no check of a
key, no other paths.
"""


def rows(found: dict[tuple[str, str], list[Answered]]) -> list[list[str]]:
    shown = []
    for kind in dict.fromkeys(kind for kind, _ in found):
        bare, assay = found[kind, "bare"], found[kind, "Assay"]
        ratio = ratios([each.load.rate for each in assay], [each.load.rate for each in bare])
        cpu = ratios([each.cpu for each in bare], [each.cpu for each in assay])
        cells = [Spread.of(each.load.rate for each in loads).text() for loads in (bare, assay)]
        late = [
            Spread.of(getattr(each.load, name) for each in loads).text(1)
            for name in ("p50", "p99")
            for loads in (bare, assay)
        ]
        shown.append([kind, *cells, ratio.text(2), cpu.text(2), *late])
    return shown


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one small round")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--write", action="store_true", help="write the page")
    given = parser.parse_args(arguments)
    quick = Extent(job_tasks=2_000, seconds=1.0, rounds=1)
    extent = quick if given.quick else Extent(rounds=given.rounds or Extent.rounds)
    found = compare(extent)
    columns = (
        *("read", "bare, requests/s", "Assay, requests/s", "Assay / bare", "the same by CPU"),
        *("p50 bare, ms", "p50 Assay, ms", "p99 bare, ms", "p99 Assay, ms"),
    )
    drawn = [
        Bar(f"{kind}, {server}", Spread.of(each.load.rate for each in loads), server)
        for (kind, server), loads in found.items()
    ]
    extents = (
        f"{extent.job_tasks:,} job tasks stored, {extent.connections} connections, "
        f"{extent.seconds:.0f} s each, {extent.rounds} interleaved rounds."
    )
    Report(
        "reading",
        "Reading",
        "python -m benchmarks.reading --write",
        [Table(columns, rows(found))],
        f"{TEXT}\n{extents}",
        {"rates": bars("Requests per second", "requests/s", drawn)},
    ).finish(write=given.write)


if __name__ == "__main__":
    main()
