"""Which workers look at a sample: the policy's selection becomes a job and its job tasks.

A worker that accepts certain types alone waits until the sample is classified, if the selection has a
classifying worker: see :func:`after_classification`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from orchestrator.domain.clock import now
from orchestrator.domain.ids import new_id
from orchestrator.domain.lifecycle import Actor
from orchestrator.domain.messages import Message
from orchestrator.domain.vocabulary import JobState, JobTaskState
from orchestrator.services import policy
from orchestrator.settings import Settings
from orchestrator.store import planning as store
from orchestrator.store.tables import Job, JobTask, RegisteredWorker, SampleRow
from orchestrator.store.unit_of_work import UnitOfWork

#: Priorities of a job: a person waits for it, or it is bulk work.
LIVE = 5
BULK = 0


@dataclass(frozen=True, slots=True)
class Wish:
    """What a job is wanted for. ``workers``, where given, narrows or widens the policy's selection."""

    customer_id: int
    submission_id: UUID | None = None
    meta_data: Mapping[str, str] = field(default_factory=dict)
    priority: int = LIVE
    depth: int = 0
    root_job_id: UUID | None = None
    workers: Sequence[str] | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    #: In whose name, for the history.
    by: str | None = None


@dataclass(frozen=True, slots=True)
class Planned:
    """A job, and the messages to dispatch once it is committed."""

    job: Job
    messages: list[Message]


def plan(uow: UnitOfWork, settings: Settings, sample: SampleRow, wish: Wish) -> Planned:
    """Make the job and one job task per selected worker; the caller commits, then dispatches."""
    classification = store.latest_classification(uow.session, sample)
    type_, super_type = (classification.type, classification.super_type) if classification else ("", "")
    selected = policy.select(
        uow,
        customer_id=wish.customer_id,
        meta_data=wish.meta_data,
        type_=type_,
        super_type=super_type,
    )
    workers = selected.workers
    if wish.workers is not None:
        workers = store.workers_named(uow.session, wish.workers)
    # a verdict over some of the workers must not replace that over all of them
    whole = {worker.id for worker in selected.workers} <= {worker.id for worker in workers}
    first, later = _split(workers, type_, super_type, known=classification is not None)
    at = now()
    job = Job(
        id=new_id(),
        customer_id=wish.customer_id,
        sample_sha256=sample.sha256,
        submission_id=wish.submission_id,
        state=JobState.enqueued,
        priority=wish.priority,
        options={**selected.options, **wish.options},
        judged=whole,
        depth=wish.depth,
        root_job_id=wish.root_job_id,
        pending_workers=[worker.short_name for worker in later],
        enqueued_at=at,
        deadline_at=at + timedelta(seconds=settings.job_deadline),
    )
    uow.session.add(job)
    uow.flush()
    return Planned(job, _enqueue(uow, job, first, at, wish.by))


def _split(
    workers: Sequence[RegisteredWorker], type_: str, super_type: str, *, known: bool
) -> tuple[list[RegisteredWorker], list[RegisteredWorker]]:
    """Who can begin, and who waits for the classification."""
    if known:
        return [each for each in workers if _takes(each, type_, super_type)], []
    if not any(worker.classifies for worker in workers):
        return list(workers), []
    return [each for each in workers if not each.accepts], [each for each in workers if each.accepts]


def _takes(worker: RegisteredWorker, type_: str, super_type: str) -> bool:
    return not worker.accepts or type_ in worker.accepts or super_type in worker.accepts


def _enqueue(
    uow: UnitOfWork, job: Job, workers: Sequence[RegisteredWorker], at: datetime, by: str | None
) -> list[Message]:
    """One job task, and its first history row, per worker; the messages of those that Celery serves."""
    rows = [
        JobTask(
            id=new_id(),
            job_id=job.id,
            worker=worker.short_name,
            state=JobTaskState.enqueued,
            attempt=1,
            priority=job.priority,
            celery=worker.celery,
            enqueued_at=at,
            due_at=at,
            deadline_at=job.deadline_at,
        )
        for worker in workers
    ]
    store.add_job_tasks(uow.session, rows, Actor.planner, by)
    return [store.message_of(row) for row in rows if row.celery]


def after_classification(uow: UnitOfWork, job_ids: Collection[UUID]) -> list[Message]:
    """Plan the workers that waited, for those of the jobs whose classifying job tasks are all final.

    Called by the recorder within its transaction, under the jobs' locks, and safe to call for any job. Where
    the classification failed, every worker that waited gets its job task: it can say "nothing for me".
    """
    messages: list[Message] = []
    for job in store.jobs_waiting(uow.session, job_ids):
        sample = store.sample_of(uow.session, job)
        classification = store.latest_classification(uow.session, sample)
        waiting = store.workers_named(uow.session, job.pending_workers)
        if classification is not None:
            waiting = [
                each for each in waiting if _takes(each, classification.type, classification.super_type)
            ]
        job.pending_workers = []
        messages += _enqueue(uow, job, waiting, now(), None)
        uow.flush()
    return messages
