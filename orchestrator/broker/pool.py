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
from uuid import UUID

import structlog
from celery.concurrency.base import BasePool, apply_target
from celery.worker.state import task_ready

from orchestrator.broker.recorder import Received, Recorder
from orchestrator.broker.runtime import Runtime
from orchestrator.broker.wire import ANALYSE
from orchestrator.services.executing import Assignment

#: How long a warm shutdown waits for the outcomes to be recorded, in seconds.
_LAST_COMMIT = 30.0

Work = Callable[[], None]

log = structlog.get_logger(__name__)


class TaskPool(BasePool):
    """A pool of threads. Job tasks wait in the recorder until they are claimed; the rest runs directly."""

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
        self._runtime.start(threads=self.limit)
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
        def run() -> None:
            apply_target(target, args, kwargs, callback, accept_callback)

        name, celery_task_id, request = args[:3]
        if name != ANALYSE:
            self._queue.put(run)
            return

        def start(assignment: Assignment) -> None:
            self._runtime.assigned[assignment.job_task_id, assignment.attempt] = assignment
            self._queue.put(lambda: self._run_job_task(assignment, run))

        def refuse() -> None:
            assert callback is not None
            callback((False, None, 0.0))

        def give_back() -> None:
            # Celery hands the pool a method of the message's request
            celery_request = callback.__self__  # type: ignore[union-attr]
            task_ready(celery_request)
            celery_request.reject(requeue=True)

        priority = request["delivery_info"].get("priority") or 0
        worker, attempt = request["args"]
        self._recorder.receive(
            Received(UUID(celery_task_id), worker, attempt, -priority, start, refuse, give_back)
        )

    def _run_job_task(self, assignment: Assignment, run: Work) -> None:
        begun = time.monotonic()
        try:
            run()
        finally:
            self._recorder.pace.ran(time.monotonic() - begun)
            self._recorder.forget(assignment.job_task_id, assignment.attempt)

    def _run(self) -> None:
        while (work := self._queue.get()) is not None:
            try:
                work()
            except Exception:
                log.exception("a Celery task broke outside its body", action="pool-error")
