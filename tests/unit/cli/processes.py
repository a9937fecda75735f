"""Looking at processes that a test started, by files and polling alone: a pipe may hang a busy machine."""

import time
from collections.abc import Callable
from pathlib import Path

import psutil

#: How long a thing may take on a busy machine.
PATIENCE = 90.0


def alive(pid: int) -> bool:
    """Whether the process still runs; a dead one that its new parent has not reaped does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def eventually(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"not within {PATIENCE:.0f} s: {what}"
        time.sleep(0.05)


def pids_in(path: Path) -> list[int]:
    """The whole lines of a file of pids."""
    if not path.exists():
        return []
    return [int(line) for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
