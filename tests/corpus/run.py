"""Real files through the whole of Assay: ``python -m tests.corpus.run [COUNT]``.

An ``assay up`` of its own takes the fetched files over the API and analyses them and what is inside. It
prints what was recorded: the types, how the job tasks ended and why, and the time per worker. The exit status
is that of :attr:`Report.problems`: the failures that are not a file's own fault, and whatever is stuck.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.cli.client import Client
from orchestrator.cli.submit import send
from tests.corpus.fetch import corpus
from tests.running import running_stack

#: How a worker says that the file itself is at fault.
EXCUSES = ("broken", "no headers", "nested too deep")
#: A document inside an archive inside a message is enough depth; enough children per file to see every kind.
SETTINGS = {"ASSAY_MAX_CHILDREN": "4", "ASSAY_MAX_CHILD_DEPTH": "2", "ASSAY_LOG_LEVEL": "warning"}
_OPEN_JOBS, _OPEN_STATES = ["enqueued", "executing"], {"enqueued", "executing"}
_COLUMNS = ("success", "failed", "timeout", "cancelled")
#: Seconds without a single job closing after which everything open is called stuck.
STUCK_AFTER = 400.0


@dataclass
class Report:
    """What was recorded, by worker; and everything that should not have been."""

    files: int = 0
    samples: int = 0
    types: Counter[str] = field(default_factory=Counter)
    states: Counter[tuple[str, str]] = field(default_factory=Counter)
    nothing: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, list[float]] = field(default_factory=dict)
    reasons: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    def add(self, sample: str, row: dict[str, Any]) -> None:
        """One job task as the API tells of it."""
        worker, state, message = row["worker"], row["state"], row.get("message") or ""
        self.states[worker, state] += 1
        self.nothing[worker] += state == "success" and bool(message)
        if row.get("startTimestamp") and row.get("endTimestamp"):
            took = (row["endTimestamp"] - row["startTimestamp"]) / 1000
            self.seconds.setdefault(worker, []).append(took)
        if state == "success":
            return
        self.reasons[worker, state, message] += 1
        if state != "failed" or not any(excuse in message for excuse in EXCUSES):
            self.problems.append(f"{worker} on {sample}: {state}: {message}")

    def __str__(self) -> str:
        count = self.states.total()
        lines = [f"{self.files} files, {self.samples} samples with what is inside, {count} job tasks"]
        lines += [", ".join(f"{type_} {count}" for type_, count in self.types.most_common()), ""]
        heads = (*_COLUMNS[:1], "(nothing)", *_COLUMNS[1:], "median s", "longest s")
        lines.append(f"{'worker':12}" + "".join(f"{head:>11}" for head in heads))
        lines += [self._row(worker) for worker in sorted({worker for worker, _ in self.states})]
        lines.append("")
        for (worker, state, message), times in self.reasons.most_common():
            lines.append(f"{times} times {worker} {state}: {message}")
        return "\n".join(lines)

    def _row(self, worker: str) -> str:
        ended = [self.states[worker, state] for state in _COLUMNS]
        counts = [*ended[:1], self.nothing[worker], *ended[1:]]
        took = sorted(self.seconds.get(worker, [])) or [0.0]
        cells = [*(str(count or "") for count in counts), f"{took[len(took) // 2]:.2f}", f"{took[-1]:.1f}"]
        return f"{worker:12}" + "".join(f"{cell:>11}" for cell in cells)


def run(paths: Sequence[Path], stuck_after: float = STUCK_AFTER) -> Report:
    """Submit the files to a fresh stack, wait for every job, and report what was recorded."""
    report = Report()
    with (
        tempfile.TemporaryDirectory(prefix="assay-corpus-") as folder,
        running_stack(Path(folder) / "data", SETTINGS) as stack,
        Client(stack.url, stack.admin_key) as client,
    ):
        names = dict(_submitted(client, paths, report))
        report.files = len(names)
        _wait(client, stuck_after)
        _read(client, names, report)
    return report


def _submitted(client: Client, paths: Iterable[Path], report: Report) -> Iterator[tuple[str, str]]:
    """Each file's hash and name."""
    for path in paths:
        sent = send(client, path)
        if sent.error:
            report.problems.append(f"{path.name} was refused: {sent.error}")
        yield sent.sha256 or path.name, path.name


def _wait(client: Client, stuck_after: float) -> None:
    """Return when no job is open, or when none has been closed for so long."""
    best, deadline = sys.maxsize, time.monotonic() + stuck_after
    while time.monotonic() < deadline:
        open_jobs = client.post("/job/search", {"state": _OPEN_JOBS, "limit": 1})["count"]
        if not open_jobs:
            return
        if open_jobs < best:
            best, deadline = open_jobs, time.monotonic() + stuck_after
        time.sleep(0.5)


def _read(client: Client, names: dict[str, str], report: Report) -> None:
    samples = set[str]()
    for job in list(client.every("/job")):
        sha256 = job["analysedSample"]["id"]
        samples.add(sha256)
        for row in client.every(f"/job/{job['id']}/tasks"):
            report.add(names.get(sha256, sha256), row)
        if job["state"] in _OPEN_STATES:
            report.problems.append(f"the job of {names.get(sha256, sha256)} is still {job['state']}")
    report.samples = len(samples)
    report.types.update(_type(client, sha256) for sha256 in sorted(samples))


def _type(client: Client, sha256: str) -> str:
    found = client.get(f"/sample/{sha256}/classification", limit=1)
    return str(found[0]["type"]) if found else "none"


def part(count: int) -> list[Path]:
    """As many files, spread over all packages; all of them for 0."""
    files = list(corpus())
    return files[:: max(len(files) // count, 1)][:count] if count else files


def main() -> int:
    began = time.monotonic()
    report = run(part(int(sys.argv[1]) if len(sys.argv) > 1 else 0))
    print(report)
    print(f"{time.monotonic() - began:.0f} seconds")
    for problem in report.problems:
        print("PROBLEM", problem)
    return 1 if report.problems or not report.files else 0


if __name__ == "__main__":
    sys.exit(main())
