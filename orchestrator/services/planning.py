"""Which workers look at a sample: the policy's selection becomes a job and its job tasks.

A worker that accepts certain types alone waits until the sample is classified, if the selection has a
classifying worker: see :func:`after_classification`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from orchestrator.domain.clock import now
from orchestrator.domain.ids import new_id
from orchestrator.domain.lifecycle import Actor
from orchestrator.domain.messages import Message
from orchestrator.domain.policy import Facts
from orchestrator.domain.vocabulary import JobState, JobTaskState
from orchestrator.services import policy
from orchestrator.services.fairness import windows_of
from orchestrator.settings import Settings
from orchestrator.store import outbox
from orchestrator.store import planning as store
from orchestrator.store.planning import NewJob, NewJobTask
from orchestrator.store.unit_of_work import UnitOfWork
from orchestrator.store.workers import Served, processes_alive

#: Priorities of a job: a person waits for it, or it is bulk work.
LIVE = 5
BULK = 0

#: For how long it is believed which workers have a live process, in seconds.
_BELIEF = 1.0

#: Type and super type; None: not classified.
Kind = tuple[str, str] | None


class Sample(Protocol):
    """What planning needs of a sample."""

    sha256: str
    latest_classification_id: UUID | None


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
    #: False: its end draws no verdict, whoever looks.
    judged: bool = True


@dataclass(frozen=True, slots=True)
class Planned:
    """A job, and the messages to dispatch once it is committed."""

    job: NewJob
    messages: list[Message]


@dataclass(frozen=True, slots=True)
class Plans:
    """Many jobs, in the order of their wishes; their messages are dispatched together, after the commit."""

    planned: list[Planned]

    @property
    def jobs(self) -> list[NewJob]:
        return [each.job for each in self.planned]

    @property
    def messages(self) -> list[Message]:
        return [message for each in self.planned for message in each.messages]


def unserved(worker: str) -> str:
    """What an enqueued job task says while no live process serves its worker."""
    return f"no live worker serves {worker}"


def is_unserved(worker: str, state: str, message: str | None) -> bool:
    """Whether a job task waits for a worker that no live process serves."""
    return state == JobTaskState.enqueued and message == unserved(worker)


def plan(uow: UnitOfWork, settings: Settings, sample: Sample, wish: Wish) -> Planned:
    """Make the job and one job task per selected worker; the caller commits, then dispatches."""
    return plan_all(uow, settings, [(sample, wish)]).planned[0]


def plan_all(uow: UnitOfWork, settings: Settings, wanted: Sequence[tuple[Sample, Wish]]) -> Plans:
    """Make a job for each wish, in a handful of statements; the caller commits, then dispatches."""
    uow.flush()
    if not wanted:
        return Plans([])
    book, at = policy.book(uow), now()
    known = {each.latest_classification_id for each, _ in wanted if each.latest_classification_id}
    kinds = store.classifications(uow.session, known)
    batch = _Batch(uow, at, _served(uow, settings))
    jobs = []
    for sample, wish in wanted:
        kind = kinds.get(sample.latest_classification_id) if sample.latest_classification_id else None
        job, first = _job(book, settings, sample, wish, kind, at)
        jobs.append(job)
        for worker in first:
            batch.add(job, worker, wish.by)
    store.add_jobs(uow.session, jobs)
    messages = batch.write()
    return Plans([Planned(job, messages[job.id]) for job in jobs])


def _served(uow: UnitOfWork, settings: Settings) -> frozenset[str]:
    """The workers that a live process serves."""

    def look() -> frozenset[str]:
        alive = processes_alive(uow.session, now() - timedelta(seconds=settings.worker_lease))
        return frozenset(name for process in alive for name in process.workers)

    return uow.memory.recall("served", _BELIEF, look)


def _job(
    book: policy.Book, settings: Settings, sample: Sample, wish: Wish, kind: Kind, at: datetime
) -> tuple[NewJob, Sequence[Served]]:
    """The job, and who begins."""
    type_, super_type = kind or ("", "")
    selected = book.select(Facts(wish.customer_id, wish.meta_data, type_, super_type))
    workers = selected.workers if wish.workers is None else book.named(wish.workers)
    # a verdict over some of the workers must not replace that over all of them
    whole = {worker.id for worker in selected.workers} <= {worker.id for worker in workers}
    first, later = _split(workers, kind)
    job = NewJob(
        id=new_id(),
        customer_id=wish.customer_id,
        sample_sha256=sample.sha256,
        submission_id=wish.submission_id,
        state=JobState.enqueued,
        priority=wish.priority,
        options={**selected.options, **wish.options},
        judged=wish.judged and whole,
        depth=wish.depth,
        root_job_id=wish.root_job_id,
        pending_workers=[worker.short_name for worker in later],
        enqueued_at=at,
        deadline_at=at + timedelta(seconds=settings.job_deadline),
    )
    return job, first


def _split(workers: Sequence[Served], kind: Kind) -> tuple[Sequence[Served], Sequence[Served]]:
    """Who can begin, and who waits for the classification."""
    if kind is not None:
        return [each for each in workers if _takes(each, *kind)], []
    if not any(worker.classifies for worker in workers):
        return workers, []
    return [each for each in workers if not each.accepts], [each for each in workers if each.accepts]


def _takes(worker: Served, type_: str, super_type: str) -> bool:
    return not worker.accepts or type_ in worker.accepts or super_type in worker.accepts


class _Planned(Protocol):
    """What its job tasks take over from a job."""

    id: UUID
    customer_id: int
    priority: int
    deadline_at: datetime


class _Batch:
    """Job tasks that are written together. ``served`` None: nobody looked who serves what."""

    def __init__(self, uow: UnitOfWork, at: datetime, served: frozenset[str] | None = None) -> None:
        self._uow = uow
        self._at = at
        self._served = served
        self._windows = windows_of(uow)
        self._rows: list[NewJobTask] = []
        self._by: list[str | None] = []

    def add(self, job: _Planned, worker: Served, by: str | None) -> None:
        """A job task of this worker, to be sent at once or held back in its customer's lane."""
        name, lane = worker.short_name, None
        if worker.celery and self._windows is not None:
            lane = self._windows.place(name, job.priority, job.customer_id, self._uow.memory.window)
        silent = not worker.celery or self._served is None or name in self._served
        row = NewJobTask(
            id=new_id(),
            job_id=job.id,
            worker=name,
            state=JobTaskState.enqueued,
            message=None if silent else unserved(name),
            attempt=1,
            priority=job.priority,
            celery=worker.celery,
            enqueued_at=self._at,
            due_at=self._at,
            # the outbox remembers until it is true
            published_at=self._at if worker.celery and lane is None else None,
            deadline_at=job.deadline_at,
            lane=lane,
        )
        self._rows.append(row)
        self._by.append(by)

    def write(self) -> defaultdict[UUID, list[Message]]:
        """Insert the job tasks and what is to be sent of them; the messages of each job."""
        session = self._uow.session
        store.add_job_tasks(session, self._rows, Actor.planner, self._by)
        sent = [row for row in self._rows if row.published_at is not None]
        messages: defaultdict[UUID, list[Message]] = defaultdict(list)
        if sent:
            key = new_id()
            outbox.add(session, key, self._at, [row.id for row in sent])
            for row in sent:
                messages[row.job_id].append(store.message_of(row, key))
        return messages


def after_classification(uow: UnitOfWork, job_ids: Collection[UUID]) -> list[Message]:
    """Plan the workers that waited, for those of the jobs whose classifying job tasks are all final.

    Called by the recorder within its transaction, under the jobs' locks, and safe to call for any job. Where
    the classification failed, every worker that waited gets its job task: it can say "nothing for me".
    """
    jobs = store.jobs_waiting(uow.session, job_ids)
    if not jobs:
        return []
    samples = store.samples_of(uow.session, {job.sample_sha256 for job in jobs})
    kinds = store.classifications(uow.session, {each for each in samples.values() if each})
    book, batch = policy.book(uow), _Batch(uow, now())
    for job in jobs:
        latest = samples[job.sample_sha256]
        kind = kinds.get(latest) if latest else None
        for worker in book.named(job.pending_workers):
            if kind is None or _takes(worker, *kind):
                batch.add(job, worker, None)
    store.forget_pending(uow.session, [job.id for job in jobs])
    return [message for each in batch.write().values() for message in each]
