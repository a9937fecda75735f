"""What a full store costs: the same work with 10⁴, 10⁶ and (``--full``) 10⁷ finished job tasks in it.

    python -m benchmarks.growth [--full] [--quick] [--write]

All stores lie side by side in one server of the benchmark's own and are measured in turns. The small ones
are copied anew for each round, for a round's own job tasks would make much of them; ten million take about
30 GB of disk and are made for this run alone.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import psycopg

from benchmarks import creating, reading, recording
from benchmarks.kit import load
from benchmarks.kit.figures import Spread, progress, ratios, take_turns
from benchmarks.kit.filling import fill
from benchmarks.kit.planting import Store, plant, publish
from benchmarks.kit.plots import Bar, bars
from benchmarks.kit.processes import Api, until
from benchmarks.kit.report import Report, Table
from benchmarks.kit.servers import Place, PostgresServer, place
from orchestrator.broker.sweep import Sweeper
from orchestrator.domain.vocabulary import Role

#: Stores up to this size are copied for each round.
COPIED = 100_000
#: Rounds of the sweep in one measurement.
SWEEPS = 15


@dataclass(frozen=True, slots=True)
class Extent:
    """Which sizes, how much work in each, and how often."""

    sizes: tuple[int, ...] = (10_000, 1_000_000)
    job_tasks: int = 8_000
    seconds: float = 4.0
    rounds: int = 2


FULL = Extent(sizes=(10_000, 1_000_000, 10_000_000), rounds=3)
QUICK = Extent(sizes=(2_000, 20_000), job_tasks=800, seconds=1.0, rounds=1)


@dataclass(frozen=True, slots=True)
class Figure:
    """One round's figures of one store: each the larger, the worse."""

    recording: float
    recording_database: float
    creating: float
    creating_database: float
    sweep: float
    job_task: float
    job_tasks: float
    jobs: float


NAMES = {
    "recording": "recording: ms per job task",
    "recording_database": "recording: database's CPU s per 1,000 job tasks",
    "creating": "creating: ms per job of eight",
    "creating_database": "creating: database's CPU s per 1,000 jobs",
    "sweep": "the sweep: ms per round, nothing open",
    "job_task": "GET job task by id: ms",
    "job_tasks": "GET job tasks of a job: ms",
    "jobs": "GET first page of jobs: ms",
}


def measure(size: int, name: str, postgres: PostgresServer, extent: Extent) -> Figure:
    """Everything, in the store of this name or in a copy of it."""
    if size > COPIED:
        postgres.checkpoint()
        return _measure(name, postgres, extent)
    copied = postgres.create(template=name)
    try:
        return _measure(copied, postgres, extent)
    finally:
        postgres.drop(copied)


def _measure(name: str, postgres: PostgresServer, extent: Extent) -> Figure:
    with place("redis", postgres, name) as where, Store(where.settings) as store:
        sweep = _sweep(where, store)
        publish(where.settings, plant(store, extent.job_tasks))
        recorded = recording.drain("recorded", where, extent.job_tasks, 2)
    with place("redis", postgres, name) as where, Store(where.settings) as store:
        reads = _reads(store, where, extent)
        created, database = _create(store, where, extent)
        # nothing will consume what was created: the next round must not find it open
        _finish(postgres.dsn(name))
    return Figure(
        1000 / recorded.rate,
        recorded.database,
        1000 / created,
        database,
        sweep,
        *(1000 / each for each in reads),
    )


def _sweep(where: Place, store: Store) -> float:
    """Milliseconds of one round, the median."""
    sweeper = Sweeper(where.settings, store.begin)
    taken = []
    for _ in range(SWEEPS):
        began = time.perf_counter()
        sweeper.round()
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken)


def _reads(store: Store, where: Place, extent: Extent) -> list[float]:
    """Requests per second over one connection: of each kind of read."""
    headers = {"Argus-API-Key": store.key(Role.viewer)}
    with Api(where.settings) as api:
        return [
            load.run(
                api.url, load.Requests("GET", paths, headers=headers), connections=1, seconds=extent.seconds
            ).rate
            for paths in reading.paths(store).values()
        ]


def _create(store: Store, where: Place, extent: Extent) -> tuple[float, float]:
    """Jobs per second, and the database's CPU seconds per 1,000."""
    key, samples = creating.prepare(store)
    requests = creating.new_jobs(store, key, samples, extent.seconds)
    with Api(where.settings) as api:
        used = where.database_cpu()
        done = load.run(api.url, requests, connections=16, seconds=extent.seconds)
        until(lambda: not creating.unpublished(store))
        return done.rate, (where.database_cpu() - used) / done.requests * 1000


def _finish(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("UPDATE job_task SET state = 'success' WHERE state IN ('enqueued', 'executing')")
        connection.execute("UPDATE job SET state = 'done' WHERE state IN ('enqueued', 'executing')")
        connection.execute("VACUUM (ANALYZE) job, job_task")


TEXT = """
The same work in stores that differ only in how much finished work they hold: jobs of eight job tasks with
three history rows each, an analysis for each job task, samples and submissions, spread over 90 days. Reads
go over one connection, ids drawn from all over the store; recording and creating as on their own pages,
over Redis. *Ratio* is to the smallest store, round by round.
"""


def table(found: dict[int, list[Figure]]) -> Table:
    smallest = min(found)
    rows = []
    for field, name in NAMES.items():
        values = {size: [getattr(each, field) for each in rounds] for size, rounds in found.items()}
        cells = [Spread.of(each).text(3) for each in values.values()]
        growth = [ratios(each, values[smallest]).text(2) for size, each in values.items() if size != smallest]
        rows.append([name, *cells, *growth])
    columns = (
        "",
        *(f"{size:,}" for size in found),
        *(f"ratio at {size:,}" for size in found if size != smallest),
    )
    return Table(columns, rows)


def sizes(postgres: PostgresServer, names: dict[int, str]) -> Table:
    """How much disk a store takes."""
    rows = []
    for size, name in names.items():
        with psycopg.connect(postgres.dsn(name)) as connection:
            found = connection.execute("SELECT pg_database_size(current_database())").fetchone()
        assert found is not None
        rows.append([f"{size:,}", f"{found[0] / 2**30:.2f}", f"{found[0] / size / 1000:.1f}"])
    return Table(("job tasks", "GiB", "kB per job task"), rows, "Disk")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="up to ten million job tasks")
    parser.add_argument("--quick", action="store_true", help="one small round")
    parser.add_argument("--write", action="store_true", help="write the page")
    given = parser.parse_args(arguments)
    extent = FULL if given.full else QUICK if given.quick else Extent()
    # with the defaults a checkpoint would come every few seconds and hit one size more than the other
    with PostgresServer(max_wal_size="8GB", checkpoint_timeout="15min", shared_buffers="1GB") as postgres:
        names = {size: fill(postgres, f"growth_{size}", size) for size in extent.sizes}
        disk = sizes(postgres, names)
        cases: dict[int, Callable[[], Figure]] = {
            size: partial(measure, size, name, postgres, extent) for size, name in names.items()
        }
        found = take_turns(cases, extent.rounds, lambda size, each: progress(f"{size:,}: {each}"))
    drawn = [
        Bar(f"{field}, {size:,}", Spread.of(getattr(each, field) for each in rounds), f"{size:,}")
        for field in ("recording", "creating", "job_task", "job_tasks", "jobs")
        for size, rounds in found.items()
    ]
    extents = (
        f"{extent.rounds} interleaved rounds of {extent.job_tasks:,} recorded job tasks and "
        f"{extent.seconds:.0f} s of everything else; shared_buffers 1 GB."
    )
    Report(
        "growth",
        "Growth",
        f"python -m benchmarks.growth{' --full' if given.full else ''} --write",
        [table(found), disk],
        f"{TEXT}\n{extents}",
        {"cost": bars("Milliseconds of each, by job tasks stored", "ms", drawn)},
    ).finish(write=given.write)


if __name__ == "__main__":
    main()
