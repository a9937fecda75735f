"""One commit of a worker process: outcomes of what it ran, claims of what it will run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from orchestrator.domain.messages import Message
from orchestrator.domain.transition import Transition
from orchestrator.domain.vocabulary import JobTaskState
from orchestrator.services import executing
from orchestrator.services.children import plan_children
from orchestrator.services.executing import Assignment
from orchestrator.services.recording import record
from orchestrator.settings import Settings
from orchestrator.store.unit_of_work import Begin


@dataclass(slots=True)
class Committed:
    """What became of it. A claim that is missing from ``assignments`` was refused."""

    assignments: dict[UUID, Assignment] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)


def commit(
    begin: Begin, settings: Settings, outcomes: Sequence[Transition], claims: Sequence[Transition]
) -> Committed:
    """Record outcomes and claims in one transaction."""
    with begin() as uow:
        recorded = record(uow, [*outcomes, *claims])
        messages = recorded.messages + plan_children(uow, settings, recorded.children)
        claimed = {each.job_task_id for each in recorded.applied if each.target is JobTaskState.executing}
        assignments = executing.assignments(uow, claimed) if claimed else {}
        uow.commit()
    return Committed(assignments, messages)


def unstorable(outcome: Transition, error: Exception) -> Transition:
    """The outcome of a job task whose findings the database does not take."""
    reason = str(error).splitlines()[0] if str(error) else ""
    return replace(
        outcome,
        target=JobTaskState.failed,
        findings=None,
        cause="unstorable",
        message=f"the findings could not be stored: {type(error).__name__}: {reason}"[:1000],
    )
