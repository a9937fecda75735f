"""A message that asks for a job task, from its receipt to its acknowledgement.

Celery's own request object, and the tracing around the body of a Celery task, know results, chains, time
limits and retries by message. Job tasks have none of these, and they cost half of what a recorded no-op took
(``docs/decisions/0002-recorder.md``). This one knows what Celery's strategies, ``celery inspect`` and
``celery control revoke`` ask for.
"""

# mypy: disable-error-code="misc"

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import orjson
from celery import Task, signals
from celery.exceptions import InvalidTaskError
from celery.worker import state

from orchestrator.broker.runtime import Runtime

_JSON = "application/json"


class JobTaskRequest:
    """What the message says; :class:`InvalidTaskError` where it names no job task."""

    __slots__ = (
        "__weakref__",
        "acknowledged",
        "attempt",
        "id",
        "job_task_id",
        "message",
        "priority",
        "task",
        "worker",
    )

    def __init__(self, message: Any, celery_task: Task) -> None:
        self.message = message
        self.task = celery_task
        self.id = message.headers.get("id")
        self.acknowledged = False
        try:
            self.job_task_id = UUID(self.id)
            self.worker, self.attempt = _arguments(message)
        except (TypeError, ValueError, AttributeError, LookupError) as error:
            raise InvalidTaskError(f"not a job task: {error}") from error
        if not isinstance(self.worker, str) or type(self.attempt) is not int:
            raise InvalidTaskError("not a job task: the arguments are a worker's name and an attempt")
        # what Redis' transport calls most urgent is 0
        self.priority = -(message.delivery_info.get("priority") or 0)

    @property
    def name(self) -> str:
        return str(self.task.name)

    def info(self, safe: bool = False) -> dict[str, Any]:  # noqa: ARG002 - Celery's signature
        """What ``celery inspect active`` prints."""
        return {"id": self.id, "name": self.name, "args": [self.worker, self.attempt], "kwargs": {}}

    def cancel(self, pool: Any, *, emit_retry: bool = True) -> None:
        """Nothing: what a cold shutdown interrupts, the sweep gives to another process."""


def _arguments(message: Any) -> Any:
    if message.content_type != _JSON:
        message.decode()  # refuses
    return orjson.loads(message.body)[0]


def strategy(celery_task: Task, app: Any, consumer: Any) -> Callable[..., None]:
    """Celery's hook: what a consumer does with each message for this Celery task."""
    runtime: Runtime = app.runtime
    revoked = state.revoked

    def receive(message: Any, *_: Any) -> None:
        request = JobTaskRequest(message, celery_task)
        if signals.task_received.receivers:
            signals.task_received.send(sender=consumer, request=request)
        if revoked and request.id in revoked:
            signals.task_revoked.send(
                sender=celery_task, request=request, terminated=False, signum=None, expired=False
            )
            runtime.recorder.when_recorded(request)
        else:
            runtime.recorder.receive(request)

    return receive
