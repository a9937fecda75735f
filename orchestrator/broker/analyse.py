"""The two Celery tasks: one runs any job task, one any service task."""

# mypy: disable-error-code="misc, untyped-decorator"

from __future__ import annotations

from typing import Any
from uuid import UUID

from celery import Task, shared_task, signals
from celery.exceptions import Ignore, Retry
from celery.worker import state

from orchestrator.broker.request import JobTaskRequest
from orchestrator.broker.runtime import Runtime
from orchestrator.broker.wire import ANALYSE, SERVE
from orchestrator.domain.transition import Transition
from orchestrator.domain.vocabulary import JobTaskState
from orchestrator.services.executing import Assignment


class AnalysisFailed(Exception):
    """The job task failed or timed out; the message says how."""

    def __init__(self, transition: Transition) -> None:
        super().__init__(transition.message)
        self.transition = transition


class TryAgain(Retry):
    """The job task goes back to the queue. The sweep sends it when it is due, not Celery."""

    def __init__(self, transition: Transition) -> None:
        super().__init__(message=transition.message, when=transition.due_at)
        self.transition = transition


@shared_task(
    name=ANALYSE, Strategy="orchestrator.broker.request:strategy", acks_late=True, ignore_result=True
)
def analyse(worker: str, attempt: int) -> None:
    """The job task whose id is the Celery task's: claimed first, then passed to :func:`run`, never called."""
    raise Ignore(f"attempt {attempt} for {worker} was not claimed")


def run(request: JobTaskRequest, assignment: Assignment) -> None:
    """Run a claimed job task; Celery's signals tell how it ended."""
    celery_task = request.task
    runtime: Runtime = celery_task.app.runtime
    about = {"task_id": request.id, "args": [request.worker, request.attempt], "kwargs": {}}
    state.active_requests.add(request)
    state.total_count[celery_task.name] += 1
    signals.task_prerun.send(sender=celery_task, task=celery_task, **about)
    try:
        transition = runtime.analyse(assignment)
    except Exception as error:  # noqa: BLE001 - something of Assay's own broke around the worker
        transition = None
        _fail(celery_task, error, about)
    else:
        if transition is not None:
            _tell(request, transition, about)
    finally:
        state.active_requests.discard(request)
    ended = transition.target.value if transition else None
    signals.task_postrun.send(sender=celery_task, task=celery_task, retval=None, state=ended, **about)


def _tell(request: JobTaskRequest, transition: Transition, about: dict[str, Any]) -> None:
    if transition.target is JobTaskState.success:
        signals.task_success.send(sender=request.task, result=transition)
    elif transition.target is JobTaskState.enqueued:
        signals.task_retry.send(sender=request.task, request=request, reason=TryAgain(transition), einfo=None)
    else:
        _fail(request.task, AnalysisFailed(transition), about)


def _fail(celery_task: Task, error: Exception, about: dict[str, Any]) -> None:
    signals.task_failure.send(
        sender=celery_task, exception=error, traceback=error.__traceback__, einfo=None, **about
    )


@shared_task(name=SERVE, bind=True, ignore_result=True)
def serve(self: Task, operation: str) -> None:  # noqa: ARG001 - for who reads the message
    """Carry out the service task whose id is this Celery task's, or a part of it."""
    runtime: Runtime = self.app.runtime
    runtime.serve(UUID(self.request.id))
