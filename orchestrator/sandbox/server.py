"""The program that holds a fork server: builds the wall, stays outside, and clears up after it.

Started by :mod:`orchestrator.sandbox.forkserver` with a clean environment, never forked from the caller.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import sys
from pathlib import Path
from typing import Any

from orchestrator.sandbox import linux, processes, scratch, view, wall
from orchestrator.sandbox.confine import House
from orchestrator.sandbox.outcome import Level
from orchestrator.sandbox.zygote import Zygote, preload

_STRAY_SECONDS = 10.0


def main(arguments: str) -> None:
    """Be a fork server; ``arguments`` is a JSON object, see :class:`forkserver.ForkServer`."""
    told = json.loads(arguments)
    os.environ.clear()
    control = socket.socket(fileno=told["control"])
    try:
        _serve(told, control)
    except Exception as error:
        with contextlib.suppress(OSError):
            control.send(json.dumps({"error": f"{type(error).__name__}: {error}"}).encode())
        raise


def _serve(told: dict[str, Any], control: socket.socket) -> None:
    level = Level(told["level"])
    if level is Level.bwrap:
        # bwrap has built the wall, watches the parent, and ends everything behind the wall with this
        _become_zygote(told, control, level)
        return
    terminated = _note_termination()
    if level.walled:
        wall.separate()
    linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGTERM)
    linux.prctl(linux.PR_SET_CHILD_SUBREAPER, 1)
    process = os.fork()
    if process == 0:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
        os.close(told["life"])
        if level.walled:
            wall.build(told["readable"])
        else:
            linux.prctl(linux.PR_SET_CHILD_SUBREAPER, 1)
        _become_zygote(told, control, level)
        return
    control.close()
    try:
        _wait(os.pidfd_open(process), told["life"], terminated)
    finally:
        processes.kill(process)
        if not level.walled:
            # behind the wall, the kernel ends them all with the first process of their namespace
            processes.kill_strays(set(), seconds=_STRAY_SECONDS)
            scratch.remove(Path(told["base"]))


def _note_termination() -> int:
    """Make of SIGTERM, which the parent's death brings too, something to poll for.

    An exception out of a handler could as well hit the clearing up.
    """
    noted, note = os.pipe()
    os.set_blocking(note, False)
    signal.set_wakeup_fd(note)
    signal.signal(signal.SIGTERM, lambda _signal, _frame: None)
    return noted


def _wait(*descriptors: int) -> None:
    """Until the fork server has ended, or the parent: then its end of the pipe of life is closed."""
    poll = select.poll()
    for each in descriptors:
        poll.register(each, select.POLLIN)
    poll.poll()


def _become_zygote(told: dict[str, Any], control: socket.socket, level: Level) -> None:
    os.environ["TMPDIR"] = wall.SCRATCH if level.walled else told["base"]
    workers, problems = preload(told["preload"])
    may_change_user = os.geteuid() == 0
    if not level.walled:
        needed = {
            *filter(os.path.exists, sys.path),
            sys.prefix,
            sys.base_prefix,
            str(Path(told["base"]).parent),
        }
        may_change_user &= all(map(view.open_to_everybody, needed))
    own = os.getpid()
    house = House(
        level=level,
        base=told["base"],
        readable=tuple(told["readable"]),
        nobody=may_change_user,
        data_size=processes.data_size(own),
        shared_memory=processes.anonymous_memory(own),
    )
    linux.prctl(linux.PR_SET_DUMPABLE, 0)
    threads = len(list(Path("/proc/self/task").iterdir()))
    control.send(json.dumps({"ready": True, "problems": problems, "threads": threads}).encode())
    Zygote(control, house, workers).serve()
    # there is nothing left to finalise, and some libraries take their time over it
    os._exit(0)
