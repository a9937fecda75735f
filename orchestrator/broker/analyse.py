"""The two Celery tasks: one runs any job task, one any service task."""

# mypy: disable-error-code="misc, untyped-decorator"

from __future__ import annotations

from typing import Any
from uuid import UUID

from celery import Task, shared_task
from celery.exceptions import Ignore, InvalidTaskError, Retry
from celery.worker.request import Request

from orchestrator.broker.runtime import Runtime
from orchestrator.broker.wire import ANALYSE, SERVE
from orchestrator.domain.transition import Transition
from orchestrator.domain.vocabulary import JobTaskState

_ARGUMENTS = 2


class Ended:
    """What the Celery task returns or raises with: the transition that the signals hand to the recorder."""

    __slots__ = ("transition",)

    def __init__(self, transition: Transition) -> None:
        self.transition = transition

    def __repr__(self) -> str:
        return self.transition.target.value


class AnalysisFailed(Exception):
    """The job task failed or timed out; the message says how."""

    def __init__(self, transition: Transition) -> None:
        super().__init__(transition.message)
        self.transition = transition

    def __reduce__(self) -> tuple[type[AnalysisFailed], tuple[Transition]]:
        # Celery replaces what it cannot pickle
        return type(self), (self.transition,)


class TryAgain(Retry):
    """The job task goes back to the queue. The sweep sends it when it is due, not Celery."""

    def __init__(self, transition: Transition) -> None:
        super().__init__(message=transition.message, when=transition.due_at)
        self.transition = transition

    def __reduce__(self) -> tuple[type[TryAgain], tuple[Transition]]:
        return type(self), (self.transition,)


class JobTaskRequest(Request):
    """A message for :func:`analyse`: acknowledged only after the commit that holds its outcome."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        try:
            self.job_task_id = UUID(self.id)
            worker, attempt = self.args
        except (TypeError, ValueError, AttributeError) as error:
            raise InvalidTaskError(f"not a job task: {error}") from error
        if not isinstance(worker, str) or type(attempt) is not int:
            raise InvalidTaskError("not a job task: the arguments are a worker's name and an attempt")

    def acknowledge(self) -> None:
        runtime: Runtime = self.app.runtime
        runtime.recorder.when_recorded(self.job_task_id, super().acknowledge)


@shared_task(
    name=ANALYSE,
    bind=True,
    Request="orchestrator.broker.analyse:JobTaskRequest",
    throws=(AnalysisFailed,),
    ignore_result=True,
)
def analyse(self: Task, worker: str, attempt: int) -> Ended:  # noqa: ARG001 - for who reads the message
    """Run the claimed job task whose id is this Celery task's; how it ended, the signals record."""
    runtime: Runtime = self.app.runtime
    assignment = runtime.assigned.pop((UUID(self.request.id), attempt), None)
    if assignment is None:
        raise Ignore
    transition = runtime.analyse(assignment)
    if transition is None:
        raise Ignore
    if transition.target is JobTaskState.success:
        return Ended(transition)
    if transition.target is JobTaskState.enqueued:
        raise TryAgain(transition)
    raise AnalysisFailed(transition)


@shared_task(name=SERVE, bind=True, ignore_result=True)
def serve(self: Task, operation: str) -> None:  # noqa: ARG001 - for who reads the message
    """Carry out the service task whose id is this Celery task's, or a part of it."""
    runtime: Runtime = self.app.runtime
    runtime.serve(UUID(self.request.id))
