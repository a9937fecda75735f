"""The fork server: imports the workers' libraries once, then forks one child for each run and minds it."""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from orchestrator.sandbox import linux, processes, scratch
from orchestrator.sandbox.child import MAX_ORDER, live, resolve
from orchestrator.sandbox.confine import House
from orchestrator.worker import AnalysisWorker, Limits, installed

_MIB = 1 << 20
_LOOK_EVERY = 0.1
_STRAY_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class _Child:
    """A forked child that waits at the other end of ``line`` for its order."""

    process: int
    handle: int
    line: socket.socket


@dataclass(slots=True)
class _Run:
    name: str
    process: int
    handle: int
    watch: socket.socket
    limits: Limits
    started: float = field(default_factory=time.monotonic)
    #: why the fork server ended it; empty if it ended by itself
    why: str = ""
    peak: int = 0


class Zygote:
    """Serves one control socket until the other side closes it."""

    def __init__(self, control: socket.socket, house: House, workers: Mapping[str, AnalysisWorker]) -> None:
        self._control = control
        self._workers = workers
        self._house = house
        self._runs: dict[int, _Run] = {}
        self._spare: _Child | None = None
        self._poll = select.poll()
        self._poll.register(control, select.POLLIN)
        self._next_look = 0.0
        self._own_processes = os.open("/proc/self/ns/pid", os.O_RDONLY) if house.level.walled else -1

    def serve(self) -> None:
        """Until the parent is gone: take orders, mind the runs, report their ends."""
        try:
            while True:
                timeout = _LOOK_EVERY * 1000 if self._runs else None
                if self._spare is None:
                    timeout = 0
                ready = {descriptor for descriptor, _ in self._poll.poll(timeout)}
                if self._control.fileno() in ready and not self._take_order():
                    return
                if not ready and self._spare is None:
                    self._spare = self._fork()
                self._mind(ready)
        finally:
            for process in self._processes():
                processes.kill(process)
            processes.kill_strays(set(), seconds=_STRAY_SECONDS)

    def _take_order(self) -> bool:
        message, descriptors, _, _ = socket.recv_fds(self._control, MAX_ORDER, 4)
        if not message:
            return False
        *ends, watching = descriptors
        order = json.loads(message)
        limits = self._limits(order["worker"], order["limits"])
        message = json.dumps(order | {"limits": asdict(limits)}).encode()
        child = self._hand_over(message, ends)
        for end in ends:
            os.close(end)
        run = _Run(order["run"], child.process, child.handle, socket.socket(fileno=watching), limits)
        self._runs[run.handle] = run
        self._poll.register(run.handle, select.POLLIN)
        self._poll.register(run.watch, select.POLLIN)
        _tell(run.watch, limits=asdict(limits))
        return True

    def _hand_over(self, message: bytes, ends: list[int]) -> _Child:
        child, self._spare = self._spare or self._fork(), None
        try:
            socket.send_fds(child.line, [message], ends)
        except ConnectionError:
            # the spare one has died meanwhile, for want of memory perhaps
            os.waitpid(child.process, 0)
            os.close(child.handle)
            child.line.close()
            child = self._fork()
            socket.send_fds(child.line, [message], ends)
        child.line.close()
        return child

    def _processes(self) -> set[int]:
        spare = {self._spare.process} if self._spare else set()
        return spare | {run.process for run in self._runs.values()}

    def _limits(self, name: str, given: Mapping[str, Any] | None) -> Limits:
        if given is not None:
            return Limits(**given)
        return self._workers[name].limits if name in self._workers else Limits()

    def _fork(self) -> _Child:
        """A child that gets ready by itself and then waits for an order."""
        walled = self._house.level.walled
        line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if walled:
            linux.unshare(linux.CLONE_NEWPID)
        parent = os.getpid()
        process = os.fork()
        if process == 0:
            linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
            if not walled and os.getppid() != parent:
                os._exit(1)
            live(theirs, self._workers, self._house)
        if walled:
            linux.setns(self._own_processes, linux.CLONE_NEWPID)
        theirs.close()
        return _Child(process, os.pidfd_open(process), line)

    def _mind(self, ready: set[int]) -> None:
        for run in list(self._runs.values()):
            if run.watch.fileno() in ready and not run.why:
                self._end(run, "cancelled")
        if time.monotonic() >= self._next_look:
            for run in self._runs.values():
                self._look(run)
            self._next_look = time.monotonic() + _LOOK_EVERY
        for handle in ready & self._runs.keys():
            self._bury(self._runs[handle])

    def _look(self, run: _Run) -> None:
        if run.why:
            return
        used = processes.usage(run.process, self._house.shared_memory)
        run.peak = max(run.peak, used.memory)
        if time.monotonic() - run.started > run.limits.seconds:
            self._end(run, "timeout")
        elif used.cpu > run.limits.cpu_seconds:
            self._end(run, "cpu")
        elif used.memory > run.limits.memory_mb * _MIB:
            self._end(run, "memory")
        elif used.processes > run.limits.processes:
            self._end(run, "processes")
        elif not self._house.level.walled and self._scratch_is_full(run):
            self._end(run, "scratch")

    def _scratch_is_full(self, run: _Run) -> bool:
        with contextlib.suppress(OSError):
            size, files = scratch.disk_usage(f"{self._house.base}/{run.name}/scratch")
            return size > run.limits.scratch_mb * _MIB or files > scratch.MAX_FILES
        return False

    def _end(self, run: _Run, why: str) -> None:
        run.why = why
        # readable for ever once the other side has closed it
        self._poll.unregister(run.watch)
        processes.kill(run.process)

    def _bury(self, run: _Run) -> None:
        _, status, used = os.wait4(run.process, 0)
        del self._runs[run.handle]
        self._poll.unregister(run.handle)
        os.close(run.handle)
        if not run.why:
            self._poll.unregister(run.watch)
        if not self._house.level.walled:
            # behind a wall, the kernel has ended them with the first process of their namespace
            processes.kill_strays(self._processes(), seconds=_STRAY_SECONDS)
        cpu = used.ru_utime + used.ru_stime
        peak = max(run.peak, used.ru_maxrss * 1024)
        _tell(run.watch, status=status, why=run.why, cpu=cpu, peak=peak)
        run.watch.close()


def preload(names: Iterable[str] | None) -> tuple[dict[str, AnalysisWorker], dict[str, str]]:
    """Import the workers and what they ask to have imported; returns them, and why some could not be."""
    workers: dict[str, AnalysisWorker] = {}
    problems: dict[str, str] = {}
    for name in installed() if names is None else names:
        try:
            workers[name] = resolve(name)
            for module in workers[name].preload:
                importlib.import_module(module)
        except Exception as error:  # noqa: BLE001 - a third party's import may raise anything
            problems[name] = f"{type(error).__name__}: {error}"
    gc.collect()
    # a collection in a child would touch, and so copy, every page that it shares with this process
    gc.disable()
    gc.freeze()
    sys.stdout.flush()
    sys.stderr.flush()
    return workers, problems


def _tell(watch: socket.socket, **message: Any) -> None:
    with contextlib.suppress(OSError):
        watch.send(json.dumps(message).encode())
