"""What a worker process has at hand: made when it starts, never before a fork, gone when it stops."""

from __future__ import annotations

import gc
import os
import platform
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any
from uuid import UUID

import structlog

from orchestrator import tracing
from orchestrator.broker.acknowledging import Acknowledgements
from orchestrator.broker.analyst import Analyse, Analyst
from orchestrator.broker.dispatch import Publisher
from orchestrator.broker.lease import Lease
from orchestrator.broker.recorder import Recorder, Run
from orchestrator.broker.traced import TracedRecorder, TracedSandbox, analysing
from orchestrator.domain.ids import new_id
from orchestrator.errors import Unavailable
from orchestrator.sandbox import Level, Sandbox
from orchestrator.services import executing, maintenance
from orchestrator.services.access import service_user
from orchestrator.services.executing import Process
from orchestrator.settings import Settings
from orchestrator.store.blobs import Blobs, open_blobs
from orchestrator.store.engine import make_engine
from orchestrator.store.memory import memory_of
from orchestrator.store.unit_of_work import UnitOfWork
from orchestrator.worker import AnalysisWorker

#: Objects made before the youngest of them are looked through for garbage.
_GARBAGE = 20_000

log = structlog.get_logger(__name__)


class Runtime:
    """The connections and threads of one worker process."""

    def __init__(self, settings: Settings, workers: list[AnalysisWorker]) -> None:
        self.settings = settings
        self.workers = {each.name: each for each in workers}
        # whatever works here tries again where the database is away
        self._engine = make_engine(settings.database, ping=False)
        memory_of(self._engine).window = settings.queue_window
        self.blobs: Blobs = open_blobs(settings)
        self.dispatch = Publisher(settings, self.begin)
        self.process = Process(new_id(), platform.node(), os.getpid(), version("assay"))
        readable = settings.worker_options.values()
        confined = TracedSandbox if tracing.on() else Sandbox
        self.sandbox = confined(Level(settings.sandbox_minimum), self.workers, readable=readable)
        self.recorder: Recorder
        #: of the consumer; empty until there is one
        self.acknowledgements = Acknowledgements((), amqp=False)
        self.lease: Lease
        self.analyse: Analyse = Analyst(settings, self.blobs, self.sandbox, self.called_off)
        if tracing.on():
            self.analyse = analysing(self.analyse)

    def called_off(self, job_task_id: UUID, attempt: int) -> bool:
        """Whether a running job task must end."""
        return self.lease.called_off(job_task_id, attempt)

    def serve(self, service_task_id: UUID) -> None:
        """Carry a service task on; where a store is away, the sweep sends it again."""
        try:
            maintenance.carry_out(
                self.begin,
                self.blobs,
                self.dispatch,
                self.settings,
                service_task_id,
                host=self.process.name,
            )
        except Unavailable as error:
            log.warning("service task put off", action="service-task-unavailable", error=str(error))

    def set_aside(
        self, *, queue: str, reason: str, body: bytes, content_type: str, headers: Mapping[str, Any]
    ) -> None:
        """Keep a message that nobody understands, for an operator to see."""
        with self.begin() as uow:
            executing.keep_message(
                uow, queue=queue, reason=reason, body=body, content_type=content_type, headers=headers
            )

    def begin(self, *, write: bool = True) -> UnitOfWork:
        """Open a unit of work."""
        return UnitOfWork(self._engine, write=write)

    def start(self, run: Run, *, threads: int) -> None:
        """Take out the lease, announce the analysis workers, start the threads."""
        with self.begin() as uow:
            service_user(uow)
            executing.announce(uow, list(self.workers.values()))
        with self.begin() as uow:
            executing.start(uow, self.process, self.workers.values())
        recorder = TracedRecorder if tracing.on() else Recorder
        self.recorder = recorder(self.begin, self.dispatch, self.settings, self.process, run, threads)
        self.recorder.start()
        self.lease = Lease(self.begin, self.settings, self.recorder)
        self.lease.start()
        if self.workers:
            self.sandbox.start()
        # the analysis workers' libraries stay for good: looking through them for garbage again and again
        # took 100 of the 640 microseconds of a job task that does nothing
        gc.collect()
        gc.freeze()
        gc.set_threshold(_GARBAGE)

    def close(self, patience: float) -> None:
        """Record what is left, give the lease back, end the threads."""
        self.recorder.close(patience)
        self.lease.close()
        self.dispatch.close()
        self.sandbox.close()
        self._engine.dispose()
        gc.unfreeze()

    def abort(self) -> None:
        """End every analysis that runs; the sweep finds out."""
        self.lease.abort()
        self.sandbox.close()
