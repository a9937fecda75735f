"""``assay demo``: real files through the whole stack, in a folder that is gone afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import psutil
import typer

from orchestrator.cli import exhibits, output, progress, report, runtime
from orchestrator.cli.client import Client
from orchestrator.cli.exhibits import Exhibit
from orchestrator.cli.failure import Failure
from orchestrator.cli.linux import die_with_parent
from orchestrator.cli.runs import Run
from orchestrator.cli.submit import send

app = typer.Typer()

#: How long the stack may take to start and to stop on a busy machine.
_PATIENCE = 400.0
#: The wheel holds hundreds of files: a few of them show what happens to children.
_ENVIRONMENT = {"ASSAY_MAX_CHILDREN": "3", "ASSAY_MAX_CHILD_DEPTH": "1", "ASSAY_LOG_LEVEL": "info"}


@app.command()
def demo() -> None:
    """Start the stack in a temporary folder, submit real files, show what was found, leave nothing.

    Exits with 1 if anything is not as it must be.
    """
    signal.signal(signal.SIGTERM, _exit)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="assay-demo-") as name:
        shown = exhibits.gather(Path(name, "files"))
        with _stack(Path(name)) as running, Client(running.url, running.key) as client:
            output.line(f"Assay is at {running.url}; submitting {len(shown)} files")
            runs = [send(client, exhibit.path) for exhibit in shown]
            progress.wait(client, runs, narrate=True)
            for run in runs:
                output.out.print(report.job_tasks(client, run))
            troubles = [each for pair in zip(shown, runs, strict=True) for each in _troubles(client, *pair)]
    seconds = time.monotonic() - began
    _conclude(runs, troubles, seconds)


def _exit(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + signal.SIGTERM)


@contextmanager
def _stack(folder: Path) -> Iterator[runtime.Running]:
    """An ``assay up`` on that folder; leaving the block ends it, and proves that nothing is left."""
    data, log = folder / "data", folder / "up.log"
    parent = os.getpid()
    env = {name: value for name, value in os.environ.items() if not name.startswith("ASSAY_")}
    with log.open("wb") as messages:
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "orchestrator", "up", "--data", str(data), "--port", "0"],
            env=env | _ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=messages,
            stderr=messages,
            start_new_session=True,
            preexec_fn=lambda: die_with_parent(parent, signal.SIGTERM),  # noqa: PLW1509 - no threads yet
        )
    family: list[psutil.Process] = []
    try:
        running = _await(process, data, log)
        yield running
        family = psutil.Process(process.pid).children(recursive=True)
    finally:
        process.terminate()
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    left = [each for each in family if each.is_running()]
    if left or process.returncode != 0:
        raise _broken(f"the stack ended with {process.returncode} and left {len(left)} processes", log)


def _await(process: subprocess.Popen[bytes], data: Path, log: Path) -> runtime.Running:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        if runtime.record_of(data).exists() and (running := runtime.find(data)) is not None:
            return running
        if process.poll() is not None:
            raise _broken(f"the stack ended with {process.returncode}", log)
        time.sleep(0.1)
    raise _broken(f"the stack did not start within {_PATIENCE:.0f} s", log)


def _broken(message: str, log: Path) -> Failure:
    """Show what the stack said last; the folder that holds it is about to go."""
    for line in log.read_text(errors="replace").splitlines()[-40:]:
        output.err.print(output.text(line))
    return Failure(message)


def _troubles(client: Client, exhibit: Exhibit, run: Run) -> list[str]:
    """What is not as it must be with a file."""
    states = {row["worker"]: row["state"] for row in run.job_tasks}
    if run.error is not None or run.state != "done":
        return [f"{run.file}: {run.error or 'its job is ' + run.state}"]
    wrong = [f"{run.file}: {worker} is {state}" for worker, state in states.items() if state != "success"]
    if exhibit.worker not in states:
        wrong.append(f"{run.file}: {exhibit.worker} did not get it")
    if exhibit.detection:
        rows = [row for row in run.job_tasks if row["worker"] == exhibit.worker]
        if not any(
            exhibit.detection.lower() in report.found(client, run.sha256, row).lower() for row in rows
        ):
            wrong.append(f"{run.file}: {exhibit.worker} did not find {exhibit.detection}")
    return wrong


def _conclude(runs: Sequence[Run], troubles: Sequence[str], seconds: float) -> None:
    count = sum(len(run.job_tasks) for run in runs)
    if troubles:
        raise Failure("; ".join(troubles))
    output.line(
        f"{len(runs)} files, {count} job tasks, all succeeded, in {seconds:.1f} s; nothing is left running"
    )
