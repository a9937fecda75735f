"""Which processes belong to a stack, and whether they are gone."""

import time

import psutil

from tests.running import PATIENCE


def family(pid: int) -> list[psutil.Process]:
    """A process and all that descend from it."""
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def alive(process: psutil.Process) -> bool:
    """Whether it still runs; a dead one that its new parent has not reaped does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def assert_gone(processes: list[psutil.Process]) -> None:
    """All of them end soon."""
    deadline = time.monotonic() + PATIENCE
    while left := [each for each in processes if alive(each)]:
        assert time.monotonic() < deadline, f"still running: {left}"
        time.sleep(0.1)
