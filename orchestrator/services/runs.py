"""What a recorded job task worked on, so that it can be run again elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from orchestrator.domain.caller import Caller
from orchestrator.errors import Denied, NotFound
from orchestrator.services.executing import Assignment, assignments
from orchestrator.services.jobs import JobTaskView
from orchestrator.store import jobs as store
from orchestrator.store.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class RunView:
    """A job task, what its worker was told of the sample, and the worker's version in its last run."""

    task: JobTaskView
    assignment: Assignment
    worker_version: str | None


def get_run(uow: UnitOfWork, caller: Caller, job_task_id: UUID) -> RunView:
    """The job task's run; type and options are those that a run would get now."""
    row = store.get_job_task(uow.session, job_task_id)
    job = store.get_job(uow.session, row.job_id) if row else None
    if row is None or job is None:
        raise NotFound("job task", job_task_id)
    if not store.is_visible(uow.session, caller, job):
        raise Denied(f"job task {job_task_id} belongs to another customer")
    versions = [event.worker_version for event in store.history(uow.session, [row.id])]
    return RunView(
        JobTaskView(row, store.analyses_of(uow.session, [row.id])[row.id]),
        assignments(uow, [row])[row.id],
        next((each for each in reversed(versions) if each), None),
    )
