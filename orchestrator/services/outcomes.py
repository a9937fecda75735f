"""One commit of a worker process: outcomes of what it ran, claims of what it will run."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from orchestrator.domain.messages import Message
from orchestrator.domain.transition import Transition
from orchestrator.domain.vocabulary import JobTaskState
from orchestrator.services import executing
from orchestrator.services.children import plan_children
from orchestrator.services.executing import Assignment, Process
from orchestrator.services.recording import record
from orchestrator.settings import Settings
from orchestrator.store.recording import ConcurrentChange, JobTaskRow
from orchestrator.store.unit_of_work import Begin


@dataclass(slots=True)
class Committed:
    """What became of it. A claim that is missing from ``assignments`` was refused."""

    assignments: dict[UUID, Assignment] = field(default_factory=dict)
    #: what was claimed, as it is now
    rows: dict[UUID, JobTaskRow] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)


def commit(
    begin: Begin,
    settings: Settings,
    process: Process,
    outcomes: Sequence[Transition],
    claims: Sequence[Transition],
    known: Mapping[UUID, JobTaskRow],
    unsure: Collection[tuple[UUID, int]] = (),
) -> Committed:
    """Record outcomes and claims of a worker process in one transaction.

    ``known`` are job tasks as they were when the process claimed them; where others moved one of them since,
    all are read. ``unsure`` are the claims, with their attempts, that the process may have committed before:
    the answer was lost. Where it has, the job task is assigned as well.
    """
    transitions = [*outcomes, *claims]
    try:
        return _commit(begin, settings, process, transitions, known, unsure)
    except ConcurrentChange:
        return _commit(begin, settings, process, transitions, {}, unsure)


def _commit(
    begin: Begin,
    settings: Settings,
    process: Process,
    transitions: Sequence[Transition],
    known: Mapping[UUID, JobTaskRow],
    unsure: Collection[tuple[UUID, int]],
) -> Committed:
    with begin() as uow:
        recorded = record(uow, transitions, by=process.name, host=process.host, known=known)
        messages = recorded.messages + plan_children(uow, settings, recorded.children)
        fresh = {each.job_task_id for each in recorded.applied}
        claimed = {
            key: row
            for key, row in recorded.rows.items()
            if row.state is JobTaskState.executing
            and (key in fresh or ((key, row.attempt) in unsure and row.process_id == process.id))
        }
        assignments = executing.assignments(uow, claimed.values()) if claimed else {}
        uow.commit()
    return Committed(assignments, claimed, messages)


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
