"""What a remote worker found, recorded as if one of our own worker processes had found it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from orchestrator.domain.caller import Caller
from orchestrator.domain.clock import now
from orchestrator.domain.lifecycle import Actor, IllegalTransition
from orchestrator.domain.messages import Dispatch
from orchestrator.domain.transition import NewAnalysis, Transition
from orchestrator.domain.vocabulary import JobTaskState
from orchestrator.errors import Invalid, NotFound
from orchestrator.services import jobs, remote
from orchestrator.services.children import plan_children
from orchestrator.services.endings import after_temporary
from orchestrator.services.jobs import JobTaskView
from orchestrator.services.recording import record
from orchestrator.settings import Settings
from orchestrator.store.spool import BlobFacts
from orchestrator.store.unit_of_work import UnitOfWork

_ENDS = frozenset({JobTaskState.success, JobTaskState.failed, JobTaskState.timeout})


@dataclass(frozen=True, slots=True)
class Sent:
    """A file that the remote worker sent before, with the receipt that it got."""

    facts: BlobFacts
    receipt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How a run ended, and what it found."""

    process_id: UUID
    attempt: int
    worker_version: str
    message: str | None = None
    cause: str | None = None
    ran_ms: int | None = None
    findings: NewAnalysis | None = None
    files: Sequence[Sent] = ()


def finish(
    uow: UnitOfWork,
    dispatch: Dispatch,
    settings: Settings,
    caller: Caller,
    job_id: UUID,
    job_task_id: UUID,
    state: JobTaskState,
    result: Result,
) -> JobTaskView:
    """End a job task that the caller's remote worker executes in this attempt; else nothing changes."""
    if state not in _ENDS:
        raise Invalid("state", f"a remote worker cannot set the state {state}")
    if (state is JobTaskState.success) != (result.findings is not None):
        raise Invalid("findings", "come with success, and with nothing else")
    held = remote.held(uow, caller, result.process_id, job_task_id)
    if held.job.id != job_id:
        raise NotFound("job task", job_task_id)
    for sent in result.files:
        remote.check_receipt(held.process, job_task_id, sent.facts, sent.receipt)
    findings = result.findings
    transition = Transition(
        job_task_id=job_task_id,
        target=state,
        actor=Actor.recorder,
        at=now(),
        attempt=result.attempt,
        message=result.message,
        by=remote.name_of(caller, held.process),
        cause=result.cause,
        host=held.process.host,
        worker_version=result.worker_version,
        ran_ms=result.ran_ms,
        # whoever reports, the analysis is that of the job task's own worker
        findings=replace(findings, user_agent_name=held.row.worker) if findings else None,
    )
    recorded = record(uow, [transition])
    if recorded.refused:
        raise IllegalTransition(recorded.refused[0][1] or held.row.state, state)
    messages = recorded.messages + plan_children(uow, settings, recorded.children)
    uow.commit()
    dispatch(messages)
    uow.session.expire_all()
    return jobs.get_job_task(uow, caller, job_id, job_task_id)


def release(
    uow: UnitOfWork,
    dispatch: Dispatch,
    settings: Settings,
    caller: Caller,
    process_id: UUID,
    job_task_id: UUID,
    attempt: int,
    message: str,
    *,
    temporary: bool,
) -> JobTaskView:
    """Give a job task back; after a temporary error with backoff, and a limited number of times."""
    held = remote.held(uow, caller, process_id, job_task_id)
    version = held.process.workers.get(held.row.worker)
    transition = after_temporary(settings, job_task_id, attempt, message, version)
    if not temporary:
        transition = replace(
            transition, target=JobTaskState.enqueued, message=message, cause="released", due_at=now()
        )
    by = remote.name_of(caller, held.process)
    recorded = record(uow, [replace(transition, by=by, host=held.process.host)])
    if recorded.refused:
        raise IllegalTransition(recorded.refused[0][1] or held.row.state, transition.target)
    uow.commit()
    dispatch(recorded.messages)
    uow.session.expire_all()
    return jobs.get_job_task(uow, caller, held.job.id, job_task_id)
