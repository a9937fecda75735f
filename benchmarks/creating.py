"""Jobs of eight job tasks per second from one orchestrator process, over HTTP and without it.

    python -m benchmarks.creating [--broker redis rabbitmq] [--quick] [--write]

Every answer counted comes after the commit. Then the clock goes on until the broker has confirmed the last
message; at the end there are exactly eight messages in the queues for each job in the store.
"""

from __future__ import annotations

import argparse
import itertools
import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from sqlalchemy import func, insert, select

from benchmarks.kit import load
from benchmarks.kit.figures import Spread, progress, take_turns
from benchmarks.kit.noop import NAMES
from benchmarks.kit.planting import JOB_SIZE, Store
from benchmarks.kit.plots import Bar, bars
from benchmarks.kit.processes import Api, until
from benchmarks.kit.report import Report, Table
from benchmarks.kit.servers import Place, PostgresServer, place
from orchestrator.broker.sweep import Depths
from orchestrator.domain.clock import now
from orchestrator.domain.ids import new_id
from orchestrator.domain.vocabulary import Role
from orchestrator.services import access, jobs
from orchestrator.store.tables import Challenge, Job, Outbox, Subject

BROKERS = ("redis", "rabbitmq")
USER = f"bench-{Role.administrator.name}"
#: Distinct samples that the jobs are over, as no two submitters send the same one at once.
SAMPLES = 500
#: Challenges at hand for each second: no run gets through more submissions.
CHALLENGES = 4_000


@dataclass(frozen=True, slots=True)
class Extent:
    """How long, and with how many submitters at once."""

    seconds: float = 5.0
    rounds: int = 3
    submitters: int = 64


@dataclass(frozen=True, slots=True)
class Created:
    """Jobs answered per second, and published per second; CPU seconds per 1,000 jobs."""

    answered: float
    published: float
    p50: float
    p99: float
    api: float
    database: float


def prepare(store: Store) -> tuple[str, list[str]]:
    """A key, and stored samples that its user submitted before."""
    key = store.key()
    store.register()
    return key, store.submitted(SAMPLES, USER)


def new_jobs(_store: Store, key: str, samples: Sequence[str], _seconds: float) -> load.Requests:
    """One request makes one job over a stored sample."""
    paths = [f"/sampledb/v2/sample/{each}/reanalyse" for each in samples]
    return load.Requests("PUT", paths, ["{}"] * len(paths), _headers(key))


def submissions(store: Store, key: str, samples: Sequence[str], seconds: float) -> load.Requests:
    """One request makes a submission, and its job; the challenges were asked for before."""
    challenges = _challenges(store, samples, int(CHALLENGES * seconds))
    paths, bodies = [], []
    for sha256, token in challenges:
        paths.append(f"/sampledb/v2/sample/{sha256}/submission")
        body = {
            "challengeToken": token,
            "fileName": "a.bin",
            "userAgent": {"name": "bench", "version": "1.0"},
        }
        bodies.append(json.dumps(body, separators=(",", ":")))
    return load.Requests("POST", paths, bodies, _headers(key))


def _headers(key: str) -> dict[str, str]:
    return {"Argus-API-Key": key, "Content-Type": "application/json"}


def _challenges(store: Store, samples: Sequence[str], count: int) -> list[tuple[str, dict[str, str]]]:
    answer = "0" * 64
    with store.begin() as uow:
        user = uow.session.scalars(select(Subject).where(Subject.short_name == USER)).one()
        rows = [
            {
                "id": new_id(),
                "sample_sha256": sha256,
                "user_id": user.id,
                "answer": answer,
                "offset": 0,
                "length": 1,
                "expires_at": now() + timedelta(hours=1),
            }
            for sha256 in itertools.islice(itertools.cycle(samples), count)
        ]
        uow.session.connection().execute(insert(Challenge.__table__), rows)
        uow.commit()
    return [(row["sample_sha256"], {"id": str(row["id"]), "sha256": answer}) for row in rows]


Way = Callable[[Store, str, Sequence[str], float], load.Requests]
WAYS: dict[str, Way] = {"PUT …/reanalyse": new_jobs, "POST …/submission": submissions}


def over_http(way: str, broker: str, postgres: PostgresServer, extent: Extent) -> Created:
    """A round: so many submitters, so many seconds."""
    with place(broker, postgres, queue_window=0) as where, Store(where.settings) as store:
        key, samples = prepare(store)
        warm = new_jobs(store, key, samples, 2.0)
        requests = WAYS[way](store, key, samples, extent.seconds)
        with Api(where.settings) as api:
            # connections, pools and caches come into being with the first requests
            load.run(api.url, warm, connections=extent.submitters, seconds=2.0)
            until(lambda: not unpublished(store))
            before = count(store, Job)
            used, database = api.cpu_seconds(), where.database_cpu()
            began = time.monotonic()
            done = load.run(api.url, requests, connections=extent.submitters, seconds=extent.seconds)
            published = until(lambda: not unpublished(store)) - began
            made = settled(where, store) - before
            if not done.requests or made < done.requests:
                raise SystemExit(f"{done.requests} jobs answered, {made} in the store")
            thousands = made / 1000
            return Created(
                done.rate,
                made / published,
                done.p50,
                done.p99,
                (api.cpu_seconds() - used) / thousands,
                (where.database_cpu() - database) / thousands,
            )


def in_process(broker: str, postgres: PostgresServer, extent: Extent) -> float:
    """Jobs per second through the service function, from threads of this process."""
    from orchestrator.bootstrap import make_application  # noqa: PLC0415 - a process entry's

    with place(broker, postgres, queue_window=0) as where, Store(where.settings) as store:
        key, samples = prepare(store)
        application = make_application(where.settings)
        with application.begin(write=False) as uow:
            caller = access.authenticate(uow, key)
        taken = itertools.cycle(samples)
        done: list[int] = []
        began = time.monotonic()

        def submit() -> None:
            number = 0
            while time.monotonic() - began < extent.seconds:
                with application.begin() as uow:
                    jobs.reanalyse(uow, application.dispatch, application.settings, caller, next(taken))
                number += 1
            done.append(number)

        threads = [threading.Thread(target=submit) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        rate = sum(done) / (time.monotonic() - began)
        application.close()
        return rate


def unpublished(store: Store) -> bool:
    """Whether a message of what was committed is yet to be confirmed by the broker."""
    with store.begin(write=False) as uow:
        return bool(uow.session.scalar(select(Outbox.id).limit(1)))


def count(store: Store, table: type[Job]) -> int:
    with store.begin(write=False) as uow:
        return uow.session.scalar(select(func.count()).select_from(table)) or 0


def settled(where: Place, store: Store) -> int:
    """Jobs in the store, once each has its eight messages in the queues: requests cut off still finish."""
    depths = Depths(where.settings)

    def jobs_if_even() -> bool:
        made = count(store, Job)
        return sum(depths(name) or 0 for name in NAMES) == JOB_SIZE * made and count(store, Job) == made

    until(jobs_if_even, patience=120, pause=0.2)
    depths.close()
    return count(store, Job)


TEXT = """
Jobs of eight job tasks created by one API process with one publisher: the job, its job tasks and their
first history rows committed to PostgreSQL (every commit synced) before the answer, the messages published
right after, confirmed by the broker (persistent, quorum queues on RabbitMQ; append-only file on Redis).
*Published* counts until the last message was confirmed. Nothing consumes, and no window
(`ASSAY_QUEUE_WINDOW=0`) holds messages back. `PUT …/reanalyse` makes a job
over a stored sample; `POST …/submission` redeems a challenge and records a submission besides.
"""


def row(way: str, broker: str, rounds: Sequence[Created]) -> list[str]:
    return [
        way,
        broker,
        Spread.of(each.answered for each in rounds).text(),
        Spread.of(each.published for each in rounds).text(),
        Spread.of(each.p50 for each in rounds).text(1),
        Spread.of(each.p99 for each in rounds).text(1),
        Spread.of(each.api for each in rounds).text(2),
        Spread.of(each.database for each in rounds).text(2),
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--broker", nargs="*", default=list(BROKERS), choices=BROKERS)
    parser.add_argument("--way", nargs="*", default=list(WAYS))
    parser.add_argument("--quick", action="store_true", help="one small round")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--write", action="store_true", help="write the page")
    given = parser.parse_args(arguments)
    extent = Extent(seconds=4.0, rounds=1) if given.quick else Extent(rounds=given.rounds or Extent.rounds)
    with PostgresServer() as postgres:
        http = take_turns(
            {
                (way, broker): partial(over_http, way, broker, postgres, extent)
                for way in given.way
                for broker in given.broker
            },
            extent.rounds,
            lambda case, found: progress(f"{case}: {found.answered:,.0f}/s, {found.api:.2f} s/1000"),
        )
        within = take_turns(
            {broker: partial(in_process, broker, postgres, extent) for broker in given.broker},
            extent.rounds,
            lambda case, found: progress(f"in process, {case}: {found:,.0f}/s"),
        )
    columns = (
        *("request", "broker", "jobs/s answered", "jobs/s published", "p50, ms", "p99, ms"),
        *("API's CPU s per 1,000 jobs", "database's CPU s per 1,000 jobs"),
    )
    tables = [
        Table(columns, [row(*case, rounds) for case, rounds in http.items()]),
        Table(
            ("broker", "jobs/s"),
            [[broker, Spread.of(rates).text()] for broker, rates in within.items()],
            "The service function without HTTP, from 16 threads",
        ),
    ]
    drawn = [
        Bar(f"{way}, {broker}", Spread.of(each.answered for each in rounds), broker)
        for (way, broker), rounds in http.items()
    ]
    extents = f"{extent.submitters} submitters, {extent.seconds:.0f} s, {extent.rounds} interleaved rounds."
    Report(
        "creating",
        "Creating",
        "python -m benchmarks.creating --write",
        tables,
        f"{TEXT}\n{extents}",
        {"rates": bars("Jobs of eight job tasks per second", "jobs/s", drawn)},
    ).finish(write=given.write)


if __name__ == "__main__":
    main()
