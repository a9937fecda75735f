"""What the end of a run in the sandbox makes of its job task, whoever ran it."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from orchestrator.domain.clock import now
from orchestrator.domain.lifecycle import Actor
from orchestrator.domain.transition import LONGEST_BACKOFF, Transition
from orchestrator.domain.vocabulary import JobTaskState
from orchestrator.sandbox import Ending
from orchestrator.settings import Settings

TARGETS = {
    Ending.finished: JobTaskState.success,
    Ending.nothing: JobTaskState.success,
    Ending.failed: JobTaskState.failed,
    Ending.crashed: JobTaskState.failed,
    Ending.refused: JobTaskState.failed,
    Ending.timeout: JobTaskState.timeout,
}
CAUSES = {
    Ending.failed: "raised",
    Ending.crashed: "crashed",
    Ending.refused: "limit",
    Ending.timeout: "limit",
    Ending.nothing: "nothing",
}


def after_temporary(
    settings: Settings, job_task_id: UUID, attempt: int, message: str, worker_version: str | None
) -> Transition:
    """Back to the queue with backoff; failed, where this was the last attempt."""
    at = now()
    last = attempt >= settings.max_attempts
    backoff = min(settings.retry_backoff * 2 ** (attempt - 1), LONGEST_BACKOFF)
    return Transition(
        job_task_id=job_task_id,
        target=JobTaskState.failed if last else JobTaskState.enqueued,
        actor=Actor.recorder,
        at=at,
        attempt=attempt,
        message=f"{message} (attempt {attempt} of {settings.max_attempts})" if last else message,
        cause="temporary",
        worker_version=worker_version,
        due_at=None if last else at + timedelta(seconds=backoff),
    )
