"""Celery's pool of a worker process: threads that run what the recorder has claimed.

The analysis itself happens in a sandboxed child, so that threads are enough, nothing is forked, and Celery's
event loop stays free to receive, acknowledge and answer while an analysis runs.
"""

# mypy: disable-error-code="misc"

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

import structlog
from celery.concurrency.base import BasePool, apply_target

from orchestrator.broker import analyse
from orchestrator.broker.recorder import Recorder
from orchestrator.broker.request import JobTaskRequest
from orchestrator.broker.runtime import Runtime
from orchestrator.services.executing import Assignment

#: How long a warm shutdown waits for the outcomes to be recorded, in seconds.
_LAST_COMMIT = 30.0

Work = Callable[[], None]

log = structlog.get_logger(__name__)


class TaskPool(BasePool):
    """A pool of threads, for job tasks that the recorder has claimed and for what Celery itself hands on."""

    body_can_be_buffer = True
    signal_safe = False

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._queue: SimpleQueue[Work | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []

    @property
    def _runtime(self) -> Runtime:
        runtime: Runtime = self.app.runtime
        return runtime

    @property
    def _recorder(self) -> Recorder:
        return self._runtime.recorder

    def on_start(self) -> None:
        self._runtime.start(self._begin, threads=self.limit)
        for number in range(self.limit):
            thread = threading.Thread(target=self._run, name=f"pool-{number}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def on_stop(self) -> None:
        self._recorder.stop_claiming()
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()
        self._runtime.close(_LAST_COMMIT)
        # the event loop, whose thread this is, turns no more
        self._runtime.acknowledgements.send()

    def on_terminate(self) -> None:
        self._recorder.stop_claiming()
        self._runtime.abort()

    def on_apply(
        self,
        target: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any] | None = None,
        callback: Callable[..., Any] | None = None,
        accept_callback: Callable[..., Any] | None = None,
        **_: Any,
    ) -> None:
        self._queue.put(lambda: apply_target(target, args, kwargs, callback, accept_callback))

    def _begin(self, request: JobTaskRequest, assignment: Assignment) -> None:
        """Have a claimed job task run."""
        self._queue.put(lambda: self._run_job_task(request, assignment))

    def _run_job_task(self, request: JobTaskRequest, assignment: Assignment) -> None:
        begun = time.monotonic()
        try:
            analyse.run(request, assignment)
        finally:
            self._recorder.pace.ran(time.monotonic() - begun)
            self._recorder.forget(request)

    def _run(self) -> None:
        while (work := self._queue.get()) is not None:
            try:
                work()
            except Exception:
                log.exception("a Celery task broke outside its body", action="pool-error")
