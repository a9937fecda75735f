"""What Celery's signals tell the recorder, and when a worker process begins.

``task_prerun`` has no receiver: :meth:`Signal.send` swallows what a receiver raises, so that a signal cannot
keep a Celery task from running. The claim that a job task needs is made by the pool, before its trace begins.
"""

# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

from typing import Any
from uuid import UUID

import structlog
from celery import Task, signals

from orchestrator import tracing
from orchestrator.broker.analyse import AnalysisFailed, TryAgain
from orchestrator.broker.pool import TaskPool
from orchestrator.broker.runtime import Runtime
from orchestrator.broker.wire import ANALYSE, worker_of
from orchestrator.domain.clock import now
from orchestrator.domain.lifecycle import Actor
from orchestrator.domain.transition import Transition
from orchestrator.domain.vocabulary import JobTaskState
from orchestrator.worker import installed

log = structlog.get_logger(__name__)


@signals.worker_init.connect(weak=False)
def make_runtime(sender: Any, **_: Any) -> None:
    """Refuse a pool that could not keep the recorder's promises; make the process's runtime."""
    pool = sender.pool_cls
    if pool is not TaskPool and pool != f"{TaskPool.__module__}:{TaskPool.__qualname__}":
        # a signal swallows any Exception
        raise SystemExit("leave out -P: Assay's workers need the pool of its own, which never forks")
    app = sender.app
    names = {worker_of(queue) for queue in app.amqp.queues.consume_from}
    workers = list(installed([name for name in names if name]).values())
    if getattr(app, "runtime", None) is None:
        tracing.configure("worker")
        app.runtime = Runtime(app.settings, workers)


@signals.task_success.connect(weak=False)
def on_success(sender: Task, result: Any, **_: Any) -> None:
    """The worker finished."""
    if isinstance(result, Transition):
        _note(sender, result)


@signals.task_failure.connect(weak=False)
def on_failure(sender: Task, task_id: str, exception: BaseException, args: Any = (), **_: Any) -> None:
    """The worker failed or ran out of time, or something of Assay's own broke around it."""
    if isinstance(exception, AnalysisFailed):
        _note(sender, exception.transition)
    elif sender.name == ANALYSE:
        _note(sender, _failed(task_id, args, exception))


@signals.task_retry.connect(weak=False)
def on_retry(sender: Task, reason: Any, **_: Any) -> None:
    """The worker asked to be tried again later."""
    if isinstance(reason, TryAgain):
        _note(sender, reason.transition)


@signals.task_revoked.connect(weak=False)
def on_revoked(sender: Task, request: Any, **_: Any) -> None:
    """An operator revoked the Celery task (``celery control revoke``) before it began."""
    if sender.name == ANALYSE:
        transition = Transition(
            job_task_id=UUID(request.id),
            target=JobTaskState.cancelled,
            actor=Actor.cancel,
            at=now(),
            message="revoked",
            by="celery",
            cause="revoked",
        )
        _note(sender, transition)


def _failed(celery_task_id: str, args: Any, error: BaseException) -> Transition:
    return Transition(
        job_task_id=UUID(celery_task_id),
        target=JobTaskState.failed,
        actor=Actor.recorder,
        at=now(),
        attempt=args[1],
        message=f"{type(error).__name__}: {error}"[:1000],
        cause="internal",
    )


def _note(celery_task: Task, transition: Transition) -> None:
    runtime: Runtime = celery_task.app.runtime
    runtime.recorder.note(transition)
