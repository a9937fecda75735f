"""The sandbox as its callers know it."""

from __future__ import annotations

import contextlib
import threading
import uuid
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

from orchestrator.sandbox.child import resolve
from orchestrator.sandbox.detect import detect
from orchestrator.sandbox.forkserver import ForkServer
from orchestrator.sandbox.outcome import Ending, Level, Outcome
from orchestrator.sandbox.run import Run
from orchestrator.worker import AnalysisWorker, Limits, Sample, installed


class Sandbox:
    """Runs workers on samples, each run in a confined child of a warm fork server.

    ``minimum`` is the weakest level that is acceptable: below it every run is refused. ``preload`` names
    the workers whose libraries are loaded beforehand (None: all that are installed); ``readable`` are
    paths, such as a folder of rules, that runs may read besides Python's own and what the workers ask for.
    ``level`` forces a level instead of the strongest that works here. May be used from many threads.
    """

    def __init__(
        self,
        minimum: Level = Level.rlimits,
        preload: Iterable[str] | None = None,
        *,
        readable: Iterable[str] = (),
        level: Level | None = None,
    ) -> None:
        self._minimum = minimum
        self._preload = None if preload is None else tuple(preload)
        self._readable = tuple(readable)
        self._forced = level
        self._server: ForkServer | None = None
        self._changing = threading.Lock()
        self._closed = False

    @property
    def level(self) -> Level:
        """The level at which runs are confined."""
        return self._forced or detect()

    def start(self) -> None:
        """Start the fork server, so that the first run is as fast as the next.

        Raises :class:`SandboxUnavailable` where a forced level does not work.
        """
        if self.level >= self._minimum:
            self._running_server()

    def close(self) -> None:
        """End the fork server and every run; further runs are an error."""
        with self._changing:
            self._closed = True
            if self._server is not None:
                self._server.close()
                self._server = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def run(
        self,
        worker_name: str,
        sample: Sample,
        *,
        limits: Limits | None = None,
        network: bool = False,
        cancelled: Callable[[], bool] | None = None,
    ) -> Outcome:
        """Run a worker, by name or as ``module:attribute``, on a sample; returns however it ends.

        ``limits`` are the worker's own unless given. ``cancelled`` is asked several times a second; once
        it says yes, the run and all it started are ended. Afterwards evidence and children are regular
        files in ``sample.scratch``. Raises :class:`OSError` if the sample cannot be read.
        """
        if self.level < self._minimum:
            message = f"this machine offers {self.level}, the setting asks for {self._minimum} or better"
            return Outcome(Ending.refused, message, self.level, 0.0)
        server = self._running_server()
        name = uuid.uuid4().hex
        try:
            return Run(server, name, cancelled).perform(worker_name, sample, limits, network=network)
        finally:
            server.forget(name)

    def _running_server(self) -> ForkServer:
        with self._changing:
            if self._closed:
                raise RuntimeError("the sandbox is closed")
            if self._server is not None and not self._server.alive:
                self._server.close()
                self._server = None
            if self._server is None:
                readable = (*self._readable, *_asked_for(self._preload))
                self._server = ForkServer(self.level, self._preload, readable)
            return self._server


def _asked_for(names: Iterable[str] | None) -> set[str]:
    """What the workers of these names (None: all that are installed), or at these places, ask to read."""
    given = set(names or ())
    places = {name for name in given if ":" in name}
    offered: list[AnalysisWorker] = []
    if names is None or given > places:
        offered += installed(None if names is None else given - places).values()
    for place in sorted(places):
        # one that cannot be imported asks for nothing; the fork server says why
        with contextlib.suppress(Exception):
            offered.append(resolve(place))
    return {path for worker in offered for path in worker.readable}
