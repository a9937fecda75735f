"""How long work waits: message to start, submit to start, end to visible; idle, and at 80 % of capacity.

    python -m benchmarks.waiting [--broker redis rabbitmq] [--quick] [--write]

One API process, the sweep, and two worker processes with a no-op in place of the sandboxed run. Probes come
one at a time. Under load a feeder sends other job tasks at 80 % of what the same worker processes were just
seen to drain.
"""

from __future__ import annotations

import argparse
import http.client
import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Self
from uuid import UUID

from benchmarks.creating import USER
from benchmarks.kit import stamps
from benchmarks.kit.figures import Spread, percentile, progress
from benchmarks.kit.noop import NAMES
from benchmarks.kit.planting import Store, plant, publish
from benchmarks.kit.plots import Bar, bars
from benchmarks.kit.processes import Api, Workers
from benchmarks.kit.report import Report, Table
from benchmarks.kit.servers import PostgresServer, place
from orchestrator.broker.publishing import Publication
from orchestrator.broker.sweep import run_sweep
from orchestrator.settings import Settings

BROKERS = ("redis", "rabbitmq")
SHARE = 0.8
#: The feeder sends so often, in seconds.
_TICK = 0.02
_GIVE_UP = 120.0


@dataclass(frozen=True, slots=True)
class Extent:
    """How many probes, and how many job tasks to find the capacity with."""

    probes: int = 200
    drained: int = 6_000
    processes: int = 2
    #: For how long the feeder can go on.
    seconds: float = 40.0


@dataclass(slots=True)
class Waits:
    """Seconds, one of each per probe."""

    message_to_start: list[float] = field(default_factory=list)
    submit_to_start: list[float] = field(default_factory=list)
    end_to_visible: list[float] = field(default_factory=list)


KINDS = {
    "message_to_start": "message sent → execution begins",
    "submit_to_start": "job submitted → execution begins",
    "end_to_visible": "execution ended → final in the read API",
}


class Prober:
    """Sends one job task at a time, and finds in the workers' stamps when it began."""

    def __init__(self, store: Store, api: Api, workers: Workers) -> None:
        self._store, self._workers = store, workers
        self._headers = {"Argus-API-Key": store.key(), "Content-Type": "application/json"}
        store.register()
        self._sample = store.submitted(1, USER)[0]
        self._connection = http.client.HTTPConnection("127.0.0.1", api.port, timeout=_GIVE_UP)
        self._publication = Publication(store.settings)
        self._read = 0
        self._began: dict[UUID, float] = {}

    def message(self, waits: Waits) -> None:
        """A job task that is stored already: from its message to its start."""
        (message,) = plant(self._store, 1)
        sent = time.monotonic()
        self._publication.publish([message])
        waits.message_to_start.append(self._start_of(message.id) - sent)

    def job(self, waits: Waits) -> None:
        """A job of one job task over HTTP: from the request to its start, from its end to the answer."""
        # the API does not keep a connection open that says nothing for seconds
        self._connection.close()
        self._connection.connect()
        sent = time.monotonic()
        path = f"/sampledb/v2/sample/{self._sample}/reanalyse"
        job = self._ask("PUT", path, json.dumps({"workers": [NAMES[0]]}))["id"]
        while True:
            row = self._ask("GET", f"/sampledb/v2/job/{job}/tasks")[0]
            if row["state"] == "success":
                break
        visible = time.monotonic()
        began = self._start_of(UUID(row["id"]))
        waits.submit_to_start.append(began - sent)
        waits.end_to_visible.append(visible - began)

    def _ask(self, method: str, path: str, body: str | None = None) -> object:
        self._connection.request(method, path, body, self._headers)
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status >= 300:
            raise SystemExit(f"{method} {path} answered {answer.status}: {content[:300]!r}")
        return json.loads(content)["data"]

    def _start_of(self, key: UUID) -> float:
        deadline = time.monotonic() + _GIVE_UP
        while key not in self._began:
            if time.monotonic() > deadline:
                raise SystemExit(f"job task {key} did not begin within {_GIVE_UP:.0f} s")
            time.sleep(0.0005)
            self._look()
        return self._began[key]

    def _look(self) -> None:
        """Read what the worker processes have added to their file."""
        if not self._workers.stamps.exists():
            return
        with self._workers.stamps.open("rb") as file:
            file.seek(self._read)
            added = file.read()
        added = added[: len(added) // stamps.STAMP.size * stamps.STAMP.size]
        self._read += len(added)
        for key, at in stamps.STAMP.iter_unpack(added):
            self._began.setdefault(UUID(bytes=key), at)

    def close(self) -> None:
        self._publication.close()
        self._connection.close()


@contextmanager
def sweeping(settings: Settings, store: Store) -> Iterator[None]:
    """The sweep, in a thread."""
    closing = threading.Event()
    thread = threading.Thread(target=run_sweep, args=(settings, store.begin, closing))
    thread.start()
    try:
        yield
    finally:
        closing.set()
        thread.join()


class Feeder:
    """Sends job tasks at a rate, in a thread, until its block ends."""

    def __init__(self, store: Store, rate: float, seconds: float) -> None:
        self._settings, self._rate = store.settings, rate
        self._messages = plant(store, int(rate * seconds), swept=False)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.sent = 0

    def _run(self) -> None:
        publication = Publication(self._settings)
        began = time.monotonic()
        while not self._ending.wait(_TICK) and self.sent < len(self._messages):
            due = min(len(self._messages), int((time.monotonic() - began) * self._rate))
            if due > self.sent:
                publication.publish(self._messages[self.sent : due])
                self.sent = due
        publication.close()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        exhausted = not self._thread.is_alive()
        self._ending.set()
        self._thread.join()
        if exhausted and kind is None:
            raise SystemExit(
                "the feeder had nothing left to send before the last probe: fewer probes, or longer"
            )


def capacity(store: Store, workers: Workers, count: int) -> float:
    """Job tasks per second that these worker processes drain."""
    before = stamps.count(workers.stamps)
    publish(store.settings, plant(store, count, swept=False))
    workers.until(lambda: stamps.count(workers.stamps) >= before + count)
    began, *_, ended = sorted(stamps.moments(workers.stamps)[before:])
    workers.until(lambda: not store.open_left())
    return count / (ended - began)


def probe(prober: Prober, count: int) -> Waits:
    waits = Waits()
    for _ in range(count):
        prober.message(waits)
        prober.job(waits)
    return waits


@dataclass(frozen=True, slots=True)
class Measured:
    """What one broker showed; ``behind`` is how many sent job tasks had not begun when the load ended."""

    rate: float
    idle: Waits
    loaded: Waits
    behind: int


def measure(broker: str, postgres: PostgresServer, extent: Extent) -> Measured:
    with ExitStack() as stack:
        where = stack.enter_context(place(broker, postgres))
        store = stack.enter_context(Store(where.settings))
        store.register()
        api = stack.enter_context(Api(where.settings))
        workers = stack.enter_context(Workers("recorded", where.settings, extent.processes))
        workers.go()
        stack.enter_context(sweeping(where.settings, store))
        rate = capacity(store, workers, extent.drained)
        progress(f"{broker}: {rate:,.0f}/s drained")
        prober = Prober(store, api, workers)
        stack.callback(prober.close)
        probe(prober, 5)
        idle = probe(prober, extent.probes)
        before = stamps.count(workers.stamps)
        with Feeder(store, SHARE * rate, extent.seconds) as feeder:
            loaded = probe(prober, extent.probes)
            ran = stamps.count(workers.stamps) - before - 2 * extent.probes
            behind = max(0, feeder.sent - ran)
        return Measured(rate, idle, loaded, behind)


TEXT = """
Seconds that work waits, in milliseconds: one API process, the sweep, and two worker processes, on
PostgreSQL with every commit synced. *Message sent* is measured without HTTP; *submitted* begins before the
request is sent and so holds the answer's own commit; *final in the read API* is polled without pause over
one connection, and so holds the time of one to two reads. At 80 % of capacity a feeder in the measuring
process sends other job tasks.
"""


def rows(broker: str, idle: Waits, loaded: Waits) -> list[list[str]]:
    shown = []
    for kind, name in KINDS.items():
        cells = []
        for waits in (idle, loaded):
            values = [each * 1000 for each in getattr(waits, kind)]
            cells += [f"{percentile(values, share):.1f}" for share in (0.5, 0.99)]
        shown.append([broker, name, *cells])
    return shown


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--broker", nargs="*", default=list(BROKERS), choices=BROKERS)
    parser.add_argument("--quick", action="store_true", help="few probes")
    parser.add_argument("--write", action="store_true", help="write the page")
    given = parser.parse_args(arguments)
    extent = Extent(probes=20, drained=500, seconds=60) if given.quick else Extent()
    shown: list[list[str]] = []
    capacities: list[list[str]] = []
    drawn: list[Bar] = []
    for broker in given.broker:
        with PostgresServer() as postgres:
            found = measure(broker, postgres, extent)
        capacities.append([broker, f"{found.rate:,.0f}", f"{SHARE * found.rate:,.0f}", f"{found.behind:,}"])
        shown += rows(broker, found.idle, found.loaded)
        for kind, name in KINDS.items():
            for series, waits in (("idle", found.idle), ("80 % load", found.loaded)):
                median = percentile([each * 1000 for each in getattr(waits, kind)], 0.5)
                drawn.append(Bar(f"{broker}: {name}"[:38], Spread(median, median, median), series))
    columns = (
        "broker",
        "from → to",
        "idle p50, ms",
        "idle p99, ms",
        "80 % load p50, ms",
        "80 % load p99, ms",
    )
    load_columns = ("broker", "capacity, job tasks/s", "load, job tasks/s", "sent and not begun at its end")
    Report(
        "waiting",
        "Waiting",
        "python -m benchmarks.waiting --write",
        [Table(columns, shown), Table(load_columns, capacities, "The load")],
        f"{TEXT}\n{extent.probes} probes of each, one at a time.",
        {"p50": bars("Median wait", "ms", drawn)},
    ).finish(write=given.write)


if __name__ == "__main__":
    main()
