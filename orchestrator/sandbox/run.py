"""One run as the parent sees it: the order, the watch, the end, and what is believed of the report."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

from orchestrator.sandbox import scratch, wire
from orchestrator.sandbox.child import NOT_CONFINED
from orchestrator.sandbox.forkserver import ForkServer
from orchestrator.sandbox.outcome import Ending, Outcome
from orchestrator.worker import Findings, Limits, Sample

_POLL_SECONDS = 0.1
_GRACE_SECONDS = 10.0
_CHUNK = 1 << 16
_TAIL = 2048
_MAX_MESSAGE = 1 << 16
_MIB = 1 << 20
_SERVER_DIED = "the sandbox's fork server ended under the run"


class Run:
    """A run in progress. Leaving the context ends whatever is left of it."""

    def __init__(self, server: ForkServer, name: str, cancelled: Callable[[], bool] | None) -> None:
        self._server = server
        self._name = name
        self._cancelled = cancelled or (lambda: False)
        self._limits = Limits()
        self._started = time.monotonic()
        self._report = bytearray()
        self._tail = b""
        self._output = 0
        self._folder = -1
        self._end: dict[str, Any] | None = None
        #: why this side wants the end; empty while it does not
        self._given_up: tuple[Ending, str] | None = None
        self._given_up_at = 0.0
        self._next_question = 0.0

    def perform(self, worker: str, sample: Sample, limits: Limits | None, *, network: bool) -> Outcome:
        """Start it, watch it until nothing of it is left, and judge what came of it."""
        with contextlib.ExitStack() as stack:
            stack.callback(self._close_folder)
            content = stack.enter_context(sample.path.open("rb"))
            told = {
                "run": self._name,
                "worker": worker,
                "sample": _without_paths(sample),
                "limits": asdict(limits) if limits else None,
                "network": network,
            }
            try:
                ends = self._order(stack, told, content.fileno())
            except ConnectionError:
                return self._outcome(Ending.crashed, _SERVER_DIED)
            self._watch(*ends)
            ending, message, findings = self._judge(sample)
        return self._outcome(ending, message, findings)

    def _outcome(self, ending: Ending, message: str, findings: Findings | None = None) -> Outcome:
        return Outcome(
            ending=ending,
            message=wire.storable(message),
            level=self._server.level,
            seconds=time.monotonic() - self._started,
            findings=findings,
            peak_memory=self._end["peak"] if self._end else 0,
        )

    def _order(
        self,
        stack: contextlib.ExitStack,
        told: dict[str, Any],
        content: int,
    ) -> tuple[socket.socket, int, socket.socket]:
        report, their_report = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        watch, their_watch = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        output, their_output = os.pipe()
        stack.enter_context(report)
        stack.enter_context(watch)
        stack.callback(os.close, output)
        descriptors = (content, their_report.fileno(), their_output, their_watch.fileno())
        try:
            self._server.order(told, descriptors)
        finally:
            their_report.close()
            their_watch.close()
            os.close(their_output)
        return report, output, watch

    def _watch(self, report: socket.socket, output: int, watch: socket.socket) -> None:
        poll = select.poll()
        for each in (report.fileno(), output, watch.fileno()):
            poll.register(each, select.POLLIN)
        report.setblocking(False)
        os.set_blocking(output, False)
        readers: dict[int, Callable[[], bool]] = {
            report.fileno(): lambda: self._read_report(report),
            output: lambda: self._read_output(output),
        }
        while True:
            ready = [descriptor for descriptor, _ in poll.poll(_POLL_SECONDS * 1000)]
            for descriptor in ready:
                if descriptor in readers and not readers[descriptor]():
                    poll.unregister(descriptor)
            if watch.fileno() in ready and not self._read_watch(watch):
                break
            self._consider(watch)
        for read in readers.values():
            while read():
                pass

    def _read_watch(self, watch: socket.socket) -> bool:
        try:
            message = watch.recv(_MAX_MESSAGE)
        except ConnectionError:
            message = b""
        if not message:
            return False
        told = json.loads(message)
        if "limits" in told:
            self._limits = Limits(**told["limits"])
            return True
        self._end = told
        return False

    def _read_report(self, report: socket.socket) -> bool:
        try:
            if self._folder < 0:
                chunk, folders, _, _ = socket.recv_fds(report, 1, 1)
                self._folder = folders[0] if folders else -1
                return bool(folders)
            chunk = report.recv(_CHUNK)
        except (BlockingIOError, ConnectionError):
            return False
        self._report += chunk
        return bool(chunk) and not self._is_over()

    def _read_output(self, output: int) -> bool:
        try:
            chunk = os.read(output, _CHUNK)
        except BlockingIOError:
            return False
        self._output += len(chunk)
        self._tail = (self._tail + chunk)[-_TAIL:]
        return bool(chunk) and not self._is_over()

    def _consider(self, watch: socket.socket) -> None:
        if self._given_up:
            if time.monotonic() - self._given_up_at > _GRACE_SECONDS:
                # it does not even end what it was asked to: no trust in it any more
                self._server.close()
            return
        now = time.monotonic()
        if now < self._next_question:
            return
        self._next_question = now + _POLL_SECONDS
        late = now - self._started > self._limits.seconds + _GRACE_SECONDS
        if self._cancelled():
            self._given_up = Ending.cancelled, "cancelled"
        elif self._is_over():
            self._given_up = Ending.refused, self._over_message()
        elif late:
            self._given_up = Ending.timeout, f"still running after {self._limits.seconds:g} s"
        else:
            return
        self._given_up_at = now
        with contextlib.suppress(OSError):
            watch.shutdown(socket.SHUT_WR)

    def _judge(self, sample: Sample) -> tuple[Ending, str, Findings | None]:
        if self._given_up:
            return *self._given_up, None
        if self._end is None:
            return Ending.crashed, _SERVER_DIED, None
        if self._is_over():
            return Ending.refused, self._over_message(), None
        if stopped := self._stopped(self._end):
            return *stopped, None
        try:
            reported, message, findings = wire.decode(bytes(self._report))
            if findings:
                findings = self._collect(findings, sample)
        except (wire.Unacceptable, scratch.NotAcceptable) as error:
            return Ending.failed, f"the findings are not acceptable: {error}", None
        return Ending(reported), message, findings

    def _stopped(self, end: dict[str, Any]) -> tuple[Ending, str] | None:
        limits, code = self._limits, os.waitstatus_to_exitcode(end["status"])
        over = {
            "timeout": (Ending.timeout, f"still running after {limits.seconds:g} s"),
            "cpu": (Ending.timeout, f"used more than {limits.cpu_seconds} s of CPU time"),
            "memory": (Ending.crashed, f"used more than {limits.memory_mb} MiB of memory"),
            "processes": (Ending.crashed, f"started more than {limits.processes} processes"),
            "scratch": (Ending.crashed, f"wrote more than {limits.scratch_mb} MiB or too many files"),
        }
        if end["why"] in over:
            return over[end["why"]]
        if code == -signal.SIGXCPU or (code == -signal.SIGKILL and end["cpu"] >= limits.cpu_seconds):
            return over["cpu"]
        if code < 0:
            return Ending.crashed, self._with_tail(f"killed by {signal.Signals(-code).name}")
        if code == NOT_CONFINED:
            return Ending.crashed, self._with_tail("the sandbox could not be set up")
        if code:
            return Ending.crashed, self._with_tail(f"exited with status {code} before it returned")
        return None

    def _is_over(self) -> bool:
        return max(len(self._report), self._output) > self._limits.output_mb * _MIB

    def _over_message(self) -> str:
        return f"more than {self._limits.output_mb} MiB of output"

    def _with_tail(self, message: str) -> str:
        tail = self._tail.decode(errors="replace").strip()
        return f"{message}: {tail}" if tail else message

    def _close_folder(self) -> None:
        if self._folder >= 0:
            os.close(self._folder)

    def _collect(self, findings: Findings, sample: Sample) -> Findings:
        names = [each.path for each in findings.evidence] + [each.path for each in findings.children]
        scratch.collect(self._folder, names, sample.scratch, self._limits.scratch_mb * _MIB)
        findings.evidence = [replace(each, path=sample.scratch / each.path) for each in findings.evidence]
        findings.children = [replace(each, path=sample.scratch / each.path) for each in findings.children]
        return findings


def _without_paths(sample: Sample) -> dict[str, Any]:
    names = ("sha256", "size", "md5", "sha1", "sha512", "file_name", "type", "super_type")
    return {name: getattr(sample, name) for name in names} | {"options": dict(sample.options)}
