"""The processes of a run: who they are, what they use, and their end."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_KIB = 1024


@dataclass(frozen=True, slots=True)
class Usage:
    """What a tree of processes uses now: how many there are, bytes of memory, seconds of CPU."""

    processes: int = 0
    memory: int = 0
    cpu: float = 0.0


def children(parent: int) -> list[int]:
    """The processes whose parent is this one, ended ones included until they are waited for."""
    if not Path("/proc/thread-self/children").exists():
        return list(_scan(parent))
    found: list[int] = []
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for thread in Path(f"/proc/{parent}/task").iterdir():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                found += map(int, (thread / "children").read_text().split())
    return found


def descendants(ancestor: int) -> list[int]:
    """The children of a process, theirs, and so on."""
    found: list[int] = []
    waiting = [ancestor]
    while waiting:
        below = children(waiting.pop())
        found += below
        waiting += below
    return found


def usage(root: int, shared: int) -> Usage:
    """What a process and its descendants use.

    ``shared`` bytes of each one's private memory are not counted: what a fork has in common with the
    fork server.
    """
    tree = [root, *descendants(root)]
    memory, cpu = 0, 0.0
    for process in tree:
        with contextlib.suppress(OSError, ValueError, IndexError):
            memory += max(0, anonymous_memory(process) - shared)
            after_name = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
            cpu += (int(after_name[11]) + int(after_name[12])) / _TICKS
    return Usage(len(tree), memory, cpu)


def anonymous_memory(process: int) -> int:
    """The bytes of memory of a process that no file backs."""
    return _status(process, "RssAnon") + _status(process, "RssShmem")


def data_size(process: int) -> int:
    """The bytes that ``RLIMIT_DATA`` counts of a process."""
    return _status(process, "VmData")


def threads_of(user: int) -> int:
    """How many threads of a user ``RLIMIT_NPROC`` counts, as far as ``/proc`` shows them."""
    count = 0
    for process in _all():
        with contextlib.suppress(OSError):
            if process.stat().st_uid == user:
                count += (process / "task").stat().st_nlink - 2
    return count


def kill(process: int) -> None:
    """End one process; that it has ended already is no error."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(process, signal.SIGKILL)


def kill_strays(keep: set[int], *, seconds: float) -> bool:
    """End every descendant of this process except ``keep`` and theirs; whether none is left in time.

    This process must be a subreaper: then whatever a run leaves behind becomes its child.
    """
    until = time.monotonic() + seconds
    while strays := [each for each in children(os.getpid()) if each not in keep]:
        for stray in strays:
            for process in (stray, *descendants(stray)):
                kill(process)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(stray, os.WNOHANG)
        if time.monotonic() > until:
            return False
        time.sleep(0.001)
    return True


def _status(process: int, key: str) -> int:
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1]) * _KIB
    return 0


def _scan(parent: int) -> Iterator[int]:
    """For a kernel that does not list a thread's children."""
    for process in _all():
        with contextlib.suppress(OSError, IndexError, ValueError):
            after_name = (process / "stat").read_text().rpartition(")")[2].split()
            if int(after_name[1]) == parent:
                yield int(process.name)


def _all() -> Iterator[Path]:
    return (each for each in Path("/proc").iterdir() if each.name.isdigit())
