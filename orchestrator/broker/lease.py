"""A worker process's heartbeat, which also learns what was called off while it runs."""

from __future__ import annotations

import threading
import time
from uuid import UUID

import structlog

from orchestrator.broker.recorder import Recorder
from orchestrator.errors import Unavailable
from orchestrator.services import executing
from orchestrator.settings import Settings
from orchestrator.store.unit_of_work import Begin

#: How often to ask what was called off, in seconds: well within the two seconds that a cancel may take.
_INTERVAL = 0.5

log = structlog.get_logger(__name__)


class Lease:
    """Renews the process's row, and keeps the set of running job tasks that must end."""

    def __init__(self, begin: Begin, settings: Settings, recorder: Recorder) -> None:
        self._begin = begin
        self._renewal = settings.heartbeat_interval
        self._recorder = recorder
        self._off: set[tuple[UUID, int]] = set()
        self._aborted = False
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def called_off(self, job_task_id: UUID, attempt: int) -> bool:
        """Whether a running job task must end: cancelled, timed out, or taken over by another process."""
        return self._aborted or (job_task_id, attempt) in self._off

    def abort(self) -> None:
        """Call off everything that runs here."""
        self._aborted = True

    def close(self) -> None:
        """Give the lease back."""
        self._closing.set()
        self._thread.join()
        try:
            with self._begin() as uow:
                executing.stop(uow, self._recorder.process)
        except Unavailable as error:
            log.warning("lease not given back", action="lease-unreturned", error=str(error))

    def _run(self) -> None:
        renewed = time.monotonic()
        while not self._closing.wait(min(_INTERVAL, self._renewal)):
            try:
                self._ask()
                if time.monotonic() - renewed >= self._renewal:
                    with self._begin() as uow:
                        executing.heartbeat(uow, self._recorder.process, self._recorder.holding())
                    renewed = time.monotonic()
            except Unavailable as error:
                log.warning("no heartbeat", action="lease-unavailable", error=str(error))
            except Exception:
                log.exception("no heartbeat", action="lease-failed")

    def _ask(self) -> None:
        running = self._recorder.running()
        if not running:
            self._off.clear()
            return
        with self._begin(write=False) as uow:
            off = executing.called_off(uow, running)
        self._off = {(key, running[key]) for key in off}
