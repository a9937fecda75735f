"""Run every worker in the sandbox over the fetched files: ``python -m tests.corpus.run [COUNT]``.

Prints what was run, what failed and why, and the time per worker; the exit status is that of
:attr:`Report.problems`, which are the failures that are not a file's own fault.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.sandbox import Ending, Outcome, Sandbox
from orchestrator.worker import Classification, Sample, installed
from tests.corpus.fetch import corpus

#: How a worker says that the file itself is at fault.
EXCUSES = ("broken", "no headers", "nested too deep")
PARALLEL = 2


@dataclass
class Report:
    """What happened, by worker; and everything that should not have."""

    files: int = 0
    types: Counter[str] = field(default_factory=Counter)
    endings: Counter[tuple[str, str]] = field(default_factory=Counter)
    seconds: Counter[str] = field(default_factory=Counter)
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    def add(self, worker: str, path: Path, outcome: Outcome) -> None:
        self.endings[worker, outcome.ending] += 1
        self.seconds[worker] += outcome.seconds
        excused = outcome.ending is Ending.failed and any(word in outcome.message for word in EXCUSES)
        if outcome.ending not in {Ending.finished, Ending.nothing}:
            self.reasons[worker, f"{outcome.ending}: {outcome.message}"] += 1
            if not excused:
                self.problems.append(f"{worker} on {path.name}: {outcome.ending}: {outcome.message}")

    def __str__(self) -> str:
        lines = [f"{self.files} files of {len(self.types)} types, {self.endings.total()} runs"]
        lines += [", ".join(f"{type_} {count}" for type_, count in self.types.most_common())]
        columns = [Ending.finished, Ending.nothing, Ending.failed, Ending.timeout, Ending.crashed]
        lines += ["", f"{'worker':12}" + "".join(f"{each:>10}" for each in columns) + f"{'s/run':>10}"]
        for worker in sorted({name for name, _ in self.endings}):
            counts = [self.endings[worker, each] for each in columns]
            runs = sum(count for (name, _), count in self.endings.items() if name == worker)
            row = "".join(f"{count or '':>10}" for count in counts)
            lines.append(f"{worker:12}{row}{self.seconds[worker] / runs:>10.3f}")
        lines += [
            "",
            *(f"{count} times {worker}: {reason}" for (worker, reason), count in self.reasons.most_common()),
        ]
        return "\n".join(lines)


def run(paths: Iterable[Path]) -> Report:
    """Classify each file, then run every worker that takes its type, as a job would."""
    report = Report()
    with Sandbox() as sandbox, ThreadPoolExecutor(PARALLEL) as threads:
        for outcomes in threads.map(lambda path: (path, _run_all(sandbox, path)), paths):
            path, found = outcomes
            report.files += 1
            report.types[found[0]] += 1
            for worker, outcome in found[1].items():
                report.add(worker, path, outcome)
    return report


def _run_all(sandbox: Sandbox, path: Path) -> tuple[str, dict[str, Outcome]]:
    outcomes = {"filetype": _run_one(sandbox, "filetype", path, None)}
    findings = outcomes["filetype"].findings
    known = findings.classification if findings else None
    if known is None:
        return "unknown", outcomes
    for name, worker in installed().items():
        if name != "filetype" and worker.takes(known.type, known.super_type):
            outcomes[name] = _run_one(sandbox, name, path, known)
    return known.type, outcomes


def _run_one(sandbox: Sandbox, worker: str, path: Path, known: Classification | None) -> Outcome:
    content = path.read_bytes()
    scratch = Path(tempfile.mkdtemp(prefix="assay-corpus-"))
    sample = Sample(
        path=path,
        sha256=hashlib.sha256(content).hexdigest(),
        size=len(content),
        scratch=scratch,
        file_name=path.name,
        type=known.type if known else "",
        super_type=known.super_type if known else "",
    )
    try:
        return sandbox.run(worker, sample, limits=installed()[worker].limits)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def part(count: int) -> list[Path]:
    """As many files, spread over all packages; all of them for 0."""
    files = list(corpus())
    return files[:: max(len(files) // count, 1)][:count] if count else files


def main() -> int:
    report = run(part(int(sys.argv[1]) if len(sys.argv) > 1 else 0))
    print(report)
    for problem in report.problems:
        print("PROBLEM", problem)
    return 1 if report.problems or not report.files else 0


if __name__ == "__main__":
    sys.exit(main())
