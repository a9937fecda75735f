"""``assay worker --remote URL``: takes job tasks over HTTP, with nothing but an analyzer's key."""

from __future__ import annotations

import os
import platform
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import structlog

from orchestrator.cli.client import API, Client
from orchestrator.cli.failure import Failure, Status
from orchestrator.cli.remote_report import report_of
from orchestrator.cli.told import sample_of
from orchestrator.sandbox import Ending, Level, Outcome, Sandbox, SandboxUnavailable
from orchestrator.settings import Settings
from orchestrator.worker import AnalysisWorker, Sample, may_use_network

#: How long a claim waits for work, in seconds; and the waits between attempts to reach the service.
_WAIT = 20.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 15.0

T = TypeVar("T")

log = structlog.get_logger(__name__)


class Stopping(Exception):
    """The process was asked to end while the service could not be reached."""


class RemoteWorker:
    """One job task at a time: claim it, run it in the sandbox, say what came of it."""

    def __init__(
        self, client: Client, settings: Settings, workers: Sequence[AnalysisWorker], *, strict: bool
    ) -> None:
        self._client = client
        self._settings = settings
        self._workers = {each.name: each for each in workers}
        self._strict = strict
        self._closing = threading.Event()
        self._process = ""
        self._heartbeat = 2.0
        self._running: dict[str, int] = {}
        self._off: set[str] = set()
        self._sandbox = Sandbox(
            Level(settings.sandbox_minimum), self._workers, readable=settings.worker_options.values()
        )

    def stop(self, *_: object) -> None:
        """End soon; what runs is given back."""
        self._closing.set()

    def run(self) -> None:
        """Serve until :meth:`stop`."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self.stop)
        beating = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        try:
            self._register()
            self._sandbox.start()
            beating.start()
            while not self._closing.is_set():
                self._take_one()
        except Stopping:
            log.warning("ending without a word", action="remote-unreachable")
        finally:
            self._closing.set()
            self._sandbox.close()
            if self._process:
                self._leave()

    def _register(self) -> None:
        answer = self._patiently(lambda: self._client.post("/remote", self._offer()))["data"]
        self._process, self._heartbeat = answer["id"], answer["heartbeat"]
        for name, reason in answer["refused"].items():
            log.warning("worker not wanted", action="remote-refused", worker=name, reason=reason)
        if not answer["workers"] or (self._strict and answer["refused"]):
            reasons = "; ".join(f"{name}: {reason}" for name, reason in answer["refused"].items())
            raise Failure(f"the service does not want these workers from here: {reasons}", Status.usage)
        log.info("remote worker", action="remote-start", url=self._client.url, workers=answer["workers"])

    def _offer(self) -> dict[str, Any]:
        offered = [
            {
                "name": each.name,
                "version": each.version,
                "description": each.description,
                "accepts": sorted(each.accepts),
                "classifies": each.classifies,
                "seconds": each.limits.seconds,
                "schema": each.schema,
            }
            for each in self._workers.values()
        ]
        about = {"host": platform.node() or "unknown", "pid": os.getpid(), "version": version("assay")}
        return {**about, "workers": offered}

    def _leave(self) -> None:
        try:
            self._client.delete(f"/remote/{self._process}")
        except Failure as failure:
            log.warning("lease not given back", action="remote-unreturned", error=str(failure))

    def _beat(self) -> None:
        while not self._closing.wait(min(self._heartbeat, 1.0)):
            body = {"running": dict(self._running)}
            try:
                answer = self._client.post(f"/remote/{self._process}/heartbeat", body)
                self._off = set(answer["data"]["calledOff"])
            except Failure as failure:
                log.warning("no heartbeat", action="remote-unheard", error=str(failure))

    def _take_one(self) -> None:
        try:
            claim = self._patiently(self._claim)["data"]
        except Failure as failure:
            if failure.status is not Status.missing:
                raise
            # the service has forgotten this process: it was away for long
            self._register()
            return
        if claim is None:
            return
        self._running[claim["task"]] = claim["attempt"]
        try:
            self._execute(claim)
        except Failure as failure:
            self._give_up(claim, failure)
        finally:
            self._running.pop(claim["task"], None)

    def _claim(self) -> dict[str, Any]:
        body = {"wait": _WAIT, "running": list(self._running)}
        return self._client.post(f"/remote/{self._process}/claim", body)

    def _execute(self, claim: dict[str, Any]) -> None:
        worker = self._workers[claim["worker"]]
        with tempfile.TemporaryDirectory(prefix="assay-remote-") as folder:
            outcome, cause = self._analyse(worker, claim, Path(folder))
            log.info(
                "ran", action="remote-ran", job_task=claim["task"], worker=worker.name, end=outcome.ending
            )
            if outcome.ending is Ending.cancelled and claim["task"] in self._off:
                return
            if outcome.ending in {Ending.cancelled, Ending.temporary}:
                self._release(claim, outcome)
                return
            send = report_of(worker, claim, outcome, self._process, self._send, cause)
            self._put(claim, send)

    def _give_up(self, claim: dict[str, Any], failure: Failure) -> None:
        """The service took no such result: say so, unless the job task is not ours any more."""
        log.warning("not taken", action="remote-refused", job_task=claim["task"], error=str(failure))
        run = {
            "process": self._process,
            "attempt": claim["attempt"],
            "version": self._workers[claim["worker"]].version,
        }
        send = {"state": "failed", "message": f"the result was not taken: {failure}", "run": run}
        try:
            self._put(claim, send)
        except Failure as refusal:
            log.warning("not recorded", action="remote-refused", job_task=claim["task"], error=str(refusal))

    def _put(self, claim: dict[str, Any], send: dict[str, Any]) -> None:
        path = f"{API}/job/{claim['job']}/task/{claim['task']}"
        self._patiently(lambda: self._client.call("PUT", path, json=send))

    def _analyse(
        self, worker: AnalysisWorker, claim: dict[str, Any], folder: Path
    ) -> tuple[Outcome, str | None]:
        """The run's outcome, and its cause where the sandbox was not reached."""
        began = time.monotonic()
        try:
            sample = self._fetch(claim, folder)
            outcome = self._sandbox.run(
                worker.name,
                sample,
                network=may_use_network(worker, claim["sample"]["options"]),
                cancelled=lambda: self._closing.is_set() or claim["task"] in self._off,
            )
        except SandboxUnavailable as error:
            return Outcome(Ending.failed, str(error), Level.rlimits, time.monotonic() - began), "sandbox"
        except Failure as failure:
            if failure.status is not Status.missing:
                raise
            return Outcome(Ending.failed, str(failure), Level.rlimits, time.monotonic() - began), "missing"
        return outcome, None

    def _fetch(self, claim: dict[str, Any], folder: Path) -> Sample:
        told, path, scratch = claim["sample"], folder / "sample", folder / "scratch"
        scratch.mkdir()

        def download() -> None:
            with path.open("wb") as file:
                self._client.download(f"/remote/{self._process}/task/{claim['task']}/sample", file.write)

        self._patiently(download)
        return sample_of(told, path, scratch, self._settings)

    def _send(self, claim: dict[str, Any], path: Path) -> dict[str, Any]:
        """Send one file of the result; what is to be said of it in the result."""

        def send() -> dict[str, Any]:
            url = f"{API}/remote/{self._process}/task/{claim['task']}/file"
            with path.open("rb") as file:
                return self._client.call("POST", url, content=file)

        sent: dict[str, Any] = self._patiently(send)["data"]
        return sent

    def _release(self, claim: dict[str, Any], outcome: Outcome) -> None:
        temporary = outcome.ending is Ending.temporary
        message = outcome.message if temporary else "its remote worker was stopped"
        body = {"attempt": claim["attempt"], "message": message, "temporary": temporary}
        path = f"/remote/{self._process}/task/{claim['task']}/release"
        self._patiently(lambda: self._client.post(path, body))

    def _patiently(self, call: Callable[[], T]) -> T:
        """Call until the service can be reached; once only, when this process has been asked to end."""
        pause = _FIRST_PAUSE
        while True:
            try:
                return call()
            except Failure as failure:
                if failure.status is not Status.unreachable:
                    raise
                log.warning("not reachable", action="remote-unreachable", error=str(failure))
                if self._closing.wait(pause):
                    raise Stopping from failure
                pause = min(2 * pause, _LONGEST_PAUSE)
