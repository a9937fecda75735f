"""Jobs and job tasks: reading them, and an external analyzer's way of driving them (contract 2 and 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from orchestrator.domain.caller import Caller
from orchestrator.domain.clock import now
from orchestrator.domain.ids import new_id
from orchestrator.domain.lifecycle import CLIENT_TARGETS, FINAL, INITIAL, Actor, IllegalTransition, advance
from orchestrator.domain.messages import Dispatch
from orchestrator.domain.paging import Found, Page
from orchestrator.domain.transition import Transition
from orchestrator.domain.vocabulary import JobState, JobTaskState
from orchestrator.errors import Denied, Invalid, NotFound, Refused
from orchestrator.services import access, planning, samples
from orchestrator.services import workers as registry
from orchestrator.services.recording import record
from orchestrator.settings import Settings
from orchestrator.store import access as access_store
from orchestrator.store import jobs as store
from orchestrator.store import planning as planning_store
from orchestrator.store import submissions as submission_store
from orchestrator.store.planning import NewJobTask
from orchestrator.store.tables import Analysis, Job, JobTask, JobTaskEvent
from orchestrator.store.unit_of_work import UnitOfWork

_CLOSED = (JobState.done, JobState.timeout)


@dataclass(frozen=True, slots=True)
class JobView:
    """A job with its sample's size."""

    job: Job
    size: int


@dataclass(frozen=True, slots=True)
class JobTaskView:
    """A job task with the analyses that it refers to."""

    row: JobTask
    analyses: Sequence[Analysis]


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """What a client asks of a job task."""

    state: JobTaskState
    message: str | None = None
    analyses: Sequence[UUID] = ()


def find_jobs(
    uow: UnitOfWork, caller: Caller, wanted: store.JobFilter, page: Page, customers: Sequence[str] = ()
) -> Found[JobView]:
    """A page of the jobs that match and that the caller may see."""
    if customers:
        ids = access_store.customer_ids(uow.session, customers)
        wanted = replace(wanted, customer_ids=ids)
    found = store.find_jobs(uow.session, caller, wanted, page)
    return Found(view_jobs(uow, found.items), found.count, page)


def view_jobs(uow: UnitOfWork, jobs: Sequence[Job]) -> list[JobView]:
    """The jobs as they are shown."""
    sizes = store.sizes_of(uow.session, (job.sample_sha256 for job in jobs))
    return [JobView(job, sizes.get(job.sample_sha256, 0)) for job in jobs]


def get_job(uow: UnitOfWork, caller: Caller, job_id: UUID) -> JobView:
    return view_jobs(uow, [_visible(uow, caller, job_id)])[0]


def _visible(uow: UnitOfWork, caller: Caller, job_id: UUID) -> Job:
    job = store.get_job(uow.session, job_id)
    if job is None:
        raise NotFound("job", job_id)
    if not store.is_visible(uow.session, caller, job):
        raise Denied(f"job {job_id} belongs to another customer")
    return job


def list_job_tasks(uow: UnitOfWork, caller: Caller, job_id: UUID, page: Page) -> Found[JobTaskView]:
    _visible(uow, caller, job_id)
    found = store.job_tasks(uow.session, job_id, page)
    return Found(_view(uow, found.items), found.count, page)


def get_job_task(uow: UnitOfWork, caller: Caller, job_id: UUID, job_task_id: UUID) -> JobTaskView:
    _, row = _job_task(uow, caller, job_id, job_task_id)
    return _view(uow, [row])[0]


def history(uow: UnitOfWork, caller: Caller, job_id: UUID) -> Sequence[JobTaskEvent]:
    """Every transition of every job task of the job, oldest first."""
    _visible(uow, caller, job_id)
    rows = store.all_job_tasks(uow.session, [job_id])
    return store.history(uow.session, [row.id for row in rows])


def _job_task(uow: UnitOfWork, caller: Caller, job_id: UUID, job_task_id: UUID) -> tuple[Job, JobTask]:
    job = _visible(uow, caller, job_id)
    row = store.get_job_task(uow.session, job_task_id)
    if row is None or row.job_id != job_id:
        raise NotFound("job task", job_task_id)
    return job, row


def _view(uow: UnitOfWork, rows: Sequence[JobTask]) -> list[JobTaskView]:
    analyses = store.analyses_of(uow.session, (row.id for row in rows))
    return [JobTaskView(row, analyses[row.id]) for row in rows]


def add_job_task(
    uow: UnitOfWork, caller: Caller, job_id: UUID, worker: str, state: JobTaskState
) -> JobTaskView:
    """A job task that an external analyzer brings and drives itself (contract section 3.2)."""
    if state not in INITIAL:
        raise Invalid("state", f"a job task cannot begin as {state}")
    _visible(uow, caller, job_id)
    job = store.lock_job(uow.session, job_id)
    if job.state in _CLOSED:
        raise Refused(f"job {job_id} is {job.state}: it takes no more job tasks")
    if planning_store.job_task_exists(uow.session, job_id, worker):
        raise Invalid("worker", f"worker {worker} has a job task in this job already")
    row = _external(job, worker, now())
    planning_store.add_job_tasks(uow.session, [row], Actor.client, [caller.user])
    if state is not JobTaskState.enqueued:
        record(uow, [_transition(row.id, Update(state=state), caller)])
    uow.commit()
    uow.session.expire_all()
    return get_job_task(uow, caller, job_id, row.id)


def _external(job: Job, worker: str, at: datetime) -> NewJobTask:
    return NewJobTask(
        id=new_id(),
        job_id=job.id,
        worker=worker,
        state=JobTaskState.enqueued,
        message=None,
        attempt=1,
        priority=job.priority,
        celery=False,
        enqueued_at=at,
        due_at=at,
        published_at=None,
        deadline_at=job.deadline_at,
        lane=None,
    )


def update_job_task(
    uow: UnitOfWork,
    dispatch: Dispatch,
    settings: Settings,
    caller: Caller,
    job_id: UUID,
    job_task_id: UUID,
    update: Update,
) -> JobTaskView:
    """Move a job task as a client asks, or refuse and change nothing (contract section 3.3)."""
    job, row = _job_task(uow, caller, job_id, job_task_id)
    if update.state not in CLIENT_TARGETS:
        raise Invalid("state", f"a client cannot set the state {update.state}")
    known = store.existing_analyses(uow.session, job.sample_sha256, update.analyses)
    for each in update.analyses:
        if each not in known:
            raise Invalid("analyses", f"analysis {each} is not one of the job's sample")
    if settings.strict_success and update.state is JobTaskState.success and not update.analyses:
        raise Invalid("analyses", "success needs at least one analysis")
    advance(row.state, update.state, Actor.client)
    recorded = record(uow, [_transition(job_task_id, update, caller)])
    if recorded.refused:
        raise IllegalTransition(recorded.refused[0][1] or row.state, update.state)
    uow.commit()
    dispatch(recorded.messages)
    uow.session.expire_all()
    return get_job_task(uow, caller, job_id, job_task_id)


def _transition(job_task_id: UUID, update: Update, caller: Caller) -> Transition:
    return Transition(
        job_task_id=job_task_id,
        target=update.state,
        actor=Actor.client,
        at=now(),
        message=update.message,
        by=caller.user,
        analyses=update.analyses,
    )


def cancel(
    uow: UnitOfWork, dispatch: Dispatch, caller: Caller, job_id: UUID, job_task_id: UUID | None = None
) -> JobView:
    """Call off a job's open job tasks, or one of them; what finished before stays."""
    job = _visible(uow, caller, job_id)
    rows = [row for row in store.all_job_tasks(uow.session, [job_id]) if job_task_id in (None, row.id)]
    if job_task_id is not None and not rows:
        raise NotFound("job task", job_task_id)
    wanted = [row for row in rows if row.state not in FINAL]
    if not wanted:
        raise Refused(f"nothing of job {job_id} is left to cancel: it is {job.state}")
    at = now()
    planning_store.forget_pending(uow.session, [job_id])
    recorded = record(
        uow,
        [
            Transition(
                job_task_id=row.id,
                target=JobTaskState.cancelled,
                actor=Actor.cancel,
                at=at,
                message=f"cancelled by {caller.user}",
                by=caller.user,
                cause="cancelled",
            )
            for row in wanted
        ],
    )
    uow.commit()
    dispatch(recorded.messages)
    uow.session.expire_all()
    return get_job(uow, caller, job_id)


def reanalyse(
    uow: UnitOfWork,
    dispatch: Dispatch,
    settings: Settings,
    caller: Caller,
    sha256: str,
    workers: Sequence[str] | None = None,
) -> JobView:
    """A new job over a sample, in the caller's name, with the newest readable submission's metadata.

    ``workers``, where given, take the place of the policy's selection.
    """
    sample = samples.readable(uow, caller, sha256)
    if sample.deleted_at:
        raise NotFound("sample", sha256)
    latest = submission_store.latest_readable(uow.session, caller, sha256)
    wish = planning.Wish(
        access.customer_for(uow, caller, None),
        latest.id if latest else None,
        latest.meta_data if latest else {},
        workers=None if workers is None else registry.names_of(uow, workers, "workers"),
        by=caller.user,
    )
    planned = planning.plan(uow, settings, sample, wish)
    uow.commit()
    dispatch(planned.messages)
    return get_job(uow, caller, planned.job.id)
