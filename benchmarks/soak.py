"""Memory of the API, the sweep and a worker process under minutes of load.

    python -m benchmarks.soak [--minutes 10] [--quick] [--write]

Jobs are created over HTTP as fast as two worker processes record them. The resident memory of each process is
read every few seconds; growth is judged from the end of the first quarter, when caches and pools are full.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

import psutil

from benchmarks import creating
from benchmarks.kit import load, stamps
from benchmarks.kit.figures import percentile, progress
from benchmarks.kit.planting import JOB_SIZE, Store
from benchmarks.kit.processes import Api, Process, Workers, environment
from benchmarks.kit.report import Report, Table
from benchmarks.kit.servers import PostgresServer, place

#: So many job tasks may wait before the submitters pause; seconds of one burst of submissions.
_AHEAD, _BURST = 5_000, 5.0


@dataclass(slots=True)
class Memory:
    """MiB of each process, one after the other."""

    taken: dict[str, list[float]] = field(default_factory=dict)

    def take(self, pids: dict[str, int]) -> None:
        for name, pid in pids.items():
            self.taken.setdefault(name, []).append(psutil.Process(pid).memory_info().rss / 2**20)

    def rows(self) -> list[list[str]]:
        """After a quarter of the time and at the end, each the median of an eighth; and what lies between."""
        rows = []
        for name, values in self.taken.items():
            part = max(1, len(values) // 8)
            early = percentile(values[2 * part : 3 * part] or values, 0.5)
            late = percentile(values[-part:], 0.5)
            rows.append([name, f"{values[0]:.0f}", f"{early:.0f}", f"{late:.0f}", f"{late / early:.3f}"])
        return rows


def submit(api: Api, store: Store, workers: Workers, ending: float) -> int:
    """Bursts of jobs until the end; how many."""
    key, samples = creating.prepare(store)
    requests = creating.new_jobs(store, key, samples, _BURST)
    made = 0
    while time.monotonic() < ending:
        if made * JOB_SIZE - stamps.count(workers.stamps) > _AHEAD:
            time.sleep(0.2)
            continue
        burst = min(_BURST, max(1.0, ending - time.monotonic()))
        made += load.run(api.url, requests, connections=8, seconds=burst).requests
    return made


TEXT = """
Resident memory in MiB. Jobs of eight job tasks are submitted over HTTP in bursts, two worker processes record
them over Redis and PostgreSQL, the sweep goes its rounds. The start counts from the first submission on.
"""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--quick", action="store_true", help="half a minute")
    parser.add_argument("--write", action="store_true", help="write the page")
    given = parser.parse_args(arguments)
    seconds = 30.0 if given.quick else given.minutes * 60
    memory = Memory()
    with ExitStack() as stack:
        postgres = stack.enter_context(PostgresServer())
        where = stack.enter_context(place("redis", postgres))
        store = stack.enter_context(Store(where.settings))
        api = stack.enter_context(Api(where.settings))
        workers = stack.enter_context(Workers("recorded", where.settings, 2))
        sweep = Process([sys.executable, "-m", "orchestrator", "sweep"], environment(where.settings))
        stack.callback(sweep.close)
        workers.go()
        pids = {"API": api.pid, "sweep": sweep.pid, **workers.pids}
        ending = time.monotonic() + seconds
        made: list[int] = []
        submitting = threading.Thread(target=lambda: made.append(submit(api, store, workers, ending)))
        submitting.start()
        while submitting.is_alive():
            memory.take(pids)
            submitting.join(seconds / 100)
        if not made:
            raise SystemExit("submitting failed: see above")
        progress(f"{made[0]:,} jobs")
        ran = stamps.count(workers.stamps)
    columns = ("process", "at the start, MiB", "after a quarter, MiB", "at the end, MiB", "end / quarter")
    done = f"{seconds / 60:.1f} minutes, {made[0]:,} jobs, {ran:,} job tasks recorded."
    Report(
        "soak",
        "Memory under load",
        f"python -m benchmarks.soak --minutes {given.minutes:g} --write",
        [Table(columns, memory.rows())],
        f"{TEXT}\n{done}",
    ).finish(write=given.write)


if __name__ == "__main__":
    main()
