"""Result reuse: what a worker found lately stands for running it again.

The same sample, worker, version and options, for the same customer, within ``reuse_window``. The analysis is
linked, not copied. A window of 0, the default, turns it off: rules and signatures change without a version.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from orchestrator.domain.clock import now
from orchestrator.domain.lifecycle import Actor
from orchestrator.domain.messages import Message
from orchestrator.domain.transition import Transition
from orchestrator.domain.vocabulary import JobTaskState
from orchestrator.services.planning import Planned
from orchestrator.services.recording import record
from orchestrator.settings import Settings
from orchestrator.store import reuse as store
from orchestrator.store.reuse import Earlier
from orchestrator.store.unit_of_work import UnitOfWork


def reuse(uow: UnitOfWork, settings: Settings, planned: Planned) -> list[Message]:
    """End the job tasks of a planned job that need no run; the messages that are left to dispatch.

    Call it in the transaction that planned the job; does not commit.
    """
    if not settings.reuse_window or not planned.messages:
        return planned.messages
    waiting = store.enqueued_of(uow.session, planned.job.id)
    since = now() - timedelta(seconds=settings.reuse_window)
    found: dict[str, Earlier] = {}
    for each in store.earlier_of(uow.session, planned.job, list(waiting), since):
        if each.options == planned.job.options:
            found.setdefault(each.worker, each)
    if not found:
        return planned.messages
    store.link(uow.session, {waiting[worker]: each.analysis_id for worker, each in found.items()})
    recorded = record(uow, [_ended(waiting[worker], each) for worker, each in found.items()])
    ended = {each.job_task_id for each in recorded.applied}
    return [each for each in planned.messages if each.id not in ended] + recorded.messages


def _ended(job_task_id: UUID, earlier: Earlier) -> Transition:
    made = earlier.made_at.isoformat(sep=" ", timespec="seconds")
    return Transition(
        job_task_id=job_task_id,
        target=JobTaskState.success,
        actor=Actor.planner,
        at=now(),
        message=f"reused: job task {earlier.job_task_id} found it at {made}",
        cause="reused",
        worker_version=earlier.version,
    )
