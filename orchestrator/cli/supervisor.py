"""Child processes that live and die together: started in order, watched, stopped and reaped on any exit.

The supervisor is the whole of its process: it blocks the signals that it waits for, reaps every child, also
those that its children left behind, and must not share its process with threads.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import structlog

from orchestrator.cli.linux import become_subreaper, die_with_parent

log = structlog.get_logger()

_STOP = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
_WATCHED = _STOP | {signal.SIGCHLD}

#: Seconds between a child's death and its restart: doubled by each death in a row.
_FIRST_BACKOFF, _LONGEST_BACKOFF = 0.5, 30.0
#: A child that lived for so many seconds is well again.
_WELL = 60.0


class Stopped(Exception):
    """A signal asked for the end."""


class ChildDied(Exception):
    """A child that everything else needs has ended, or did not become ready in time."""


@dataclass(frozen=True, slots=True)
class Child:
    """What to run, and what its end means: the end of everything, unless it ``restarts``.

    ``orphaned`` is the signal that the kernel sends it should the supervisor itself be killed.
    """

    name: str
    command: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    restarts: bool = False
    #: Stages stop one after the other, the highest first; within a stage all at once.
    stage: int = 1
    #: Seconds between the request to stop and the kill.
    grace: float = 20.0
    orphaned: signal.Signals = signal.SIGKILL
    pass_fds: tuple[int, ...] = ()
    #: Where its messages go, if not to our standard error.
    log: Path | None = None


@dataclass(slots=True)
class _Life:
    child: Child
    process: subprocess.Popen[bytes]
    since: float
    deaths: int = 0


class Supervisor:
    """Starts children and keeps them, until :meth:`close`; use it as a context manager."""

    def __init__(self) -> None:
        self._lives: list[_Life] = []
        self._due: list[tuple[float, Child, int]] = []
        self._mask: set[signal.Signals] = set()
        self._hurry = False

    def __enter__(self) -> Self:
        become_subreaper()
        self._mask = {signal.Signals(each) for each in signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)}
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)

    @property
    def pids(self) -> dict[str, int]:
        """The living children."""
        return {life.child.name: life.process.pid for life in self._lives}

    def start(self, child: Child) -> None:
        """Start a child in a session of its own, so that a terminal's Ctrl-C reaches the supervisor alone."""
        self._start(child, 0)

    def _start(self, child: Child, deaths: int) -> None:
        parent = os.getpid()

        def prepare() -> None:
            signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)
            die_with_parent(parent, child.orphaned)

        process = subprocess.Popen(  # noqa: S603
            list(child.command),
            env={**os.environ, **child.env},
            stdin=subprocess.DEVNULL,
            stdout=2,
            start_new_session=True,
            pass_fds=child.pass_fds,
            preexec_fn=prepare,  # noqa: PLW1509 - this process has no threads
        )
        self._lives.append(_Life(child, process, time.monotonic(), deaths))

    def await_ready(self, name: str, ready: Callable[[], bool], timeout: float) -> None:
        """Return when ``ready`` says so; :class:`ChildDied` where a child ends before, or time runs out."""
        deadline = time.monotonic() + timeout
        while not ready():
            if time.monotonic() > deadline:
                raise ChildDied(f"{name} was not ready within {timeout:.0f} s")
            self._wait(0.1)

    def watch(self) -> None:
        """Keep the children until a signal asks for the end (:class:`Stopped`) or one dies for good."""
        while True:
            self._wait(1.0)

    def _wait(self, seconds: float) -> None:
        """Handle the next signal, if one comes within that time, and what became due."""
        now = time.monotonic()
        if self._due:
            seconds = max(0.0, min(seconds, self._due[0][0] - now))
        arrived = signal.sigtimedwait(_WATCHED, seconds)
        if arrived is not None and arrived.si_signo in _STOP:
            raise Stopped(signal.Signals(arrived.si_signo).name)
        for life in self._reap():
            self._mourn(life)
        while self._due and self._due[0][0] <= time.monotonic():
            _, child, deaths = self._due.pop(0)
            self._start(child, deaths)

    def _mourn(self, life: _Life) -> None:
        end = _ending(life.process.returncode)
        if not life.child.restarts:
            where = life.child.log or "the messages above"
            raise ChildDied(f"{life.child.name} {end} (see {where})")
        now = time.monotonic()
        deaths = 0 if now - life.since > _WELL else life.deaths
        delay = min(_FIRST_BACKOFF * 2**deaths, _LONGEST_BACKOFF)
        log.warning("child restarts", action="up.restart", child=life.child.name, end=end, seconds=delay)
        self._due.append((now + delay, life.child, deaths + 1))
        self._due.sort(key=lambda each: each[0])

    def _reap(self) -> list[_Life]:
        """Collect every dead child; the lives among them that were ours."""
        dead = []
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                break
            for life in [each for each in self._lives if each.process.pid == pid]:
                life.process.returncode = os.waitstatus_to_exitcode(status)
                self._lives.remove(life)
                dead.append(life)
        return dead

    def close(self) -> None:
        """Stop all, the highest stage first; kill what stays, reap everything."""
        self._due.clear()
        while self._lives:
            highest = max(life.child.stage for life in self._lives)
            self._stop([life for life in self._lives if life.child.stage == highest])
        self._kill_strays()

    def _stop(self, lives: Sequence[_Life]) -> None:
        """Ask, wait, insist. A second Ctrl-C ends the waiting."""
        asked = time.monotonic()
        for life in lives:
            _send(life.process.pid, signal.SIGTERM)
        while waiting := [life for life in lives if life in self._lives]:
            for life in waiting:
                if self._hurry or time.monotonic() > asked + life.child.grace:
                    log.warning("child killed", action="up.kill", child=life.child.name)
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(life.process.pid, signal.SIGKILL)
            arrived = signal.sigtimedwait(_WATCHED, 0.1)
            self._hurry = self._hurry or (arrived is not None and arrived.si_signo == signal.SIGINT)
            self._reap()

    def _kill_strays(self) -> None:
        """What dead children left behind was handed to us by the kernel: end it and reap it."""
        while pids := _children_of(os.getpid()):
            for pid in pids:
                _send(pid, signal.SIGKILL)
            signal.sigtimedwait(_WATCHED, 0.1)
            self._reap()


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _children_of(parent: int) -> list[int]:
    """The direct children of a process, dead ones that nobody reaped included."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                # the command's name stands in brackets and may hold anything
                fields = (folder / "stat").read_bytes().rpartition(b")")[2].split()
                if int(fields[1]) == parent:
                    found.append(int(folder.name))
    return found


def _ending(code: int) -> str:
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with status {code}"
