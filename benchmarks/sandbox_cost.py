"""What the sandbox adds to one run: a warm run against a direct call of the same worker.

    python benchmarks/sandbox_cost.py [--runs 200] [--size 100000] [--pause 0] [--worker module:attribute]

Prints median and 95th percentile in milliseconds for the direct call and for each level that works here.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from orchestrator.sandbox import Ending, Sandbox, examine
from orchestrator.worker import Findings, Sample, analysis_worker, installed


@analysis_worker("size", version="1.0")
def size(sample: Sample) -> Findings:
    """Does next to nothing, so that what is left is the sandbox."""
    return Findings(result={"bytes": sample.path.stat().st_size})


def measure(
    asked: argparse.Namespace, folder: Path, content: Path, run: Callable[[Sample], object]
) -> list[float]:
    sha256 = hashlib.sha256(content.read_bytes()).hexdigest()
    taken = []
    for number in range(asked.runs):
        scratch = folder / f"scratch-{number}"
        scratch.mkdir()
        sample = Sample(content, sha256, content.stat().st_size, scratch)
        started = time.perf_counter()
        run(sample)
        taken.append((time.perf_counter() - started) * 1000)
        scratch.rmdir()
        time.sleep(asked.pause / 1000)
    return taken


def show(name: str, taken: list[float], direct: float) -> None:
    median, p95 = statistics.median(taken), statistics.quantiles(taken, n=20)[-1]
    print(f"{name:12} {median:8.2f} {p95:8.2f} {median - direct:+8.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--size", type=int, default=100_000)
    parser.add_argument("--pause", type=float, default=0, help="milliseconds between two runs")
    parser.add_argument("--worker", default="sandbox_cost:size")
    asked = parser.parse_args()
    module, _, attribute = asked.worker.partition(":")
    worker = getattr(__import__(module), attribute)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        content = folder / "sample"
        content.write_bytes(random.Random(1).randbytes(asked.size))
        print(f"{'ms':12} {'median':>8} {'p95':>8} {'added':>8}")
        taken = measure(asked, folder, content, worker)
        direct = statistics.median(taken)
        show("direct", taken, direct)
        for level, reason in examine().items():
            if reason:
                print(f"{level:12} {reason}")
                continue
            with Sandbox(level=level, preload=[*installed(), asked.worker]) as sandbox:

                def confined(sample: Sample, sandbox: Sandbox = sandbox) -> None:
                    outcome = sandbox.run(asked.worker, sample)
                    if outcome.ending is not Ending.finished:
                        sys.exit(f"{outcome.level}: {outcome.ending}: {outcome.message}")

                confined(Sample(content, "0" * 64, asked.size, folder))
                show(level, measure(asked, folder, content, confined), direct)


if __name__ == "__main__":
    main()
