"""Recorded no-op job tasks per second against bare Celery no-op tasks: same broker, options, processes.

    python -m benchmarks.recording [--broker rabbitmq redis valkey] [--quick] [--write]

Rounds take turns, so that whatever else the machine does meets all of them. Every message is published
before the worker processes, imported and waiting, are let go. A bare round is timed from the first run to
the last; a recorded one from the first run to the commit that leaves no job task open, which is looked for
every 20 ms.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from benchmarks.kit import stamps
from benchmarks.kit.figures import Spread, progress, ratios, take_turns
from benchmarks.kit.planting import Store, check, plant, publish
from benchmarks.kit.plots import Bar, bars
from benchmarks.kit.processes import Workers
from benchmarks.kit.report import Report, Table
from benchmarks.kit.servers import Place, PostgresServer, place
from benchmarks.serve import publish_bare

BROKERS = ("rabbitmq", "redis", "valkey")
KINDS = ("bare", "recorded", "sandboxed")


@dataclass(frozen=True, slots=True)
class Round:
    """One drain: tasks per second, and CPU seconds per 1,000 tasks."""

    rate: float
    workers: float
    database: float


@dataclass(frozen=True, slots=True)
class Extent:
    """How much to do."""

    tasks: int = 20_000
    sandboxed: int = 1_000
    rounds: int = 3
    processes: int = 2


QUICK = Extent(tasks=4_000, sandboxed=300, rounds=1)


def drain(kind: str, where: Place, count: int, processes: int) -> Round:
    """Let worker processes work off what was published."""
    with Workers(kind, where.settings, processes) as workers, Store(where.settings) as store:
        workers.go()
        # what it takes to start is not what a task takes
        workers.until(lambda: begun(kind, workers, store))
        used, database = workers.cpu_seconds(), where.database_cpu()
        if kind == "bare":
            workers.until(lambda: stamps.count(workers.stamps) >= count)
            began, *_, ended = sorted(stamps.moments(workers.stamps))
        else:
            ended = workers.until(lambda: not store.open_left())
            began = first_run(kind, workers, store)
        thousands = count / 1000
        return Round(
            count / (ended - began),
            (workers.cpu_seconds() - used) / thousands,
            (where.database_cpu() - database) / thousands,
        )


def begun(kind: str, workers: Workers, store: Store) -> bool:
    return store.started() if kind == "sandboxed" else stamps.count(workers.stamps) > 0


def first_run(kind: str, workers: Workers, store: Store) -> float:
    if kind == "sandboxed":
        # it leaves no stamp; the wall clock is close enough for it
        return store.first_start() - (time.time() - time.monotonic())
    return min(stamps.moments(workers.stamps))


def measure(kind: str, broker: str, postgres: PostgresServer | None, extent: Extent) -> Round:
    """One round on a broker and in a store of its own."""
    count = extent.sandboxed if kind == "sandboxed" else extent.tasks
    with place(broker, postgres) as where:
        if kind == "bare":
            publish_bare(where.settings, count)
            return drain(kind, where, count, extent.processes)
        with Store(where.settings) as store:
            # two processes that register the same workers at the same time may get in each other's way
            store.register()
            publish(where.settings, plant(store, count))
            found = drain(kind, where, count, extent.processes)
            check(store, count)
        return found


@dataclass(frozen=True, slots=True)
class Setting:
    """A broker and a database."""

    broker: str
    database: str

    def __str__(self) -> str:
        return f"{self.broker}, {self.database}"


def compare(setting: Setting, extent: Extent) -> dict[str, list[Round]]:
    """Interleaved rounds of all kinds."""
    with ExitStack() as stack:
        postgres = stack.enter_context(PostgresServer()) if setting.database == "postgresql" else None
        cases: dict[str, Callable[[], Round]] = {
            kind: partial(measure, kind, setting.broker, postgres, extent) for kind in KINDS
        }
        return take_turns(
            cases,
            extent.rounds,
            lambda kind, found: progress(
                f"{setting} {kind}: {found.rate:,.0f}/s, {found.workers:.2f} s/1000"
            ),
        )


def _rates(rounds: Sequence[Round]) -> list[float]:
    return [each.rate for each in rounds]


def rate_row(setting: Setting, found: dict[str, list[Round]]) -> list[str]:
    ratio = ratios(_rates(found["recorded"]), _rates(found["bare"]))
    cpu = ratios([each.workers for each in found["bare"]], [each.workers for each in found["recorded"]])
    return [
        setting.broker,
        setting.database,
        Spread.of(_rates(found["bare"])).text(),
        Spread.of(_rates(found["recorded"])).text(),
        ratio.text(2),
        cpu.text(2),
        Spread.of(_rates(found["sandboxed"])).text(),
    ]


def cpu_row(setting: Setting, found: dict[str, list[Round]]) -> list[str]:
    workers = [Spread.of(each.workers for each in found[kind]).text(2) for kind in KINDS]
    database = [Spread.of(each.database for each in found[kind]).text(2) for kind in KINDS[1:]]
    return [
        setting.broker,
        setting.database,
        *workers,
        *(database if setting.database == "postgresql" else ["none", "none"]),
    ]


TEXT = """
Job tasks that do nothing, recorded by Assay, against Celery tasks that do nothing and that nobody records:
the same broker, transport options, late acknowledgements, and number of processes (`solo` for bare Celery,
the fastest pool that it has). Recorded means: claimed before it begins, its outcome committed before its
message is acknowledged, its job closed, one history row for its start and one for its end; the run checks
that all of this is so. PostgreSQL syncs every commit. *Sandboxed* is all of a worker process as it is, with
a child of the warm sandbox for each job task.

On a machine that does other work as well the rates fall together; the ratio of the CPU seconds that the
worker processes use stays readable.
"""


def report(settings: Sequence[Setting], extent: Extent, command: str) -> Report:
    """All settings, one after the other."""
    found = {setting: compare(setting, extent) for setting in settings}
    rates = Table(
        (
            "broker",
            "database",
            "bare Celery, tasks/s",
            "recorded, job tasks/s",
            "recorded / bare",
            "the same by the workers' CPU",
            "sandboxed, job tasks/s",
        ),
        [rate_row(setting, rounds) for setting, rounds in found.items()],
    )
    cpu = Table(
        (
            "broker",
            "database",
            "workers: bare",
            "workers: recorded",
            "workers: sandboxed",
            "database: recorded",
            "database: sandboxed",
        ),
        [cpu_row(setting, rounds) for setting, rounds in found.items()],
        "CPU seconds per 1,000",
    )
    drawn = [
        Bar(f"{setting}: {kind}", Spread.of(_rates(rounds[kind])), kind)
        for setting, rounds in found.items()
        for kind in KINDS[:2]
    ]
    extents = (
        f"{extent.tasks:,} tasks ({extent.sandboxed:,} sandboxed), {extent.processes} processes, "
        f"{extent.rounds} interleaved rounds."
    )
    plots = {"rates": bars("No-op tasks per second", "tasks/s", drawn)}
    return Report("recording", "Recording", command, [rates, cpu], f"{TEXT}\n{extents}", plots)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--broker", nargs="*", default=list(BROKERS), choices=BROKERS)
    parser.add_argument(
        "--database", nargs="*", choices=["postgresql", "sqlite"], help="instead of each broker's own"
    )
    parser.add_argument("--quick", action="store_true", help="one small round")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--write", action="store_true", help="write the page")
    given = parser.parse_args(arguments)
    extent = QUICK if given.quick else Extent(rounds=given.rounds or Extent.rounds)
    settings = [
        Setting(broker, database)
        for broker in given.broker
        for database in given.database or (["sqlite"] if broker == "valkey" else ["postgresql"])
    ]
    report(settings, extent, "python -m benchmarks.recording --write").finish(write=given.write)


if __name__ == "__main__":
    main()
