"""Remote workers: who has nothing but an analyzer's key takes job tasks over HTTP, under a lease.

The rules are those of our own worker processes: a claim and an outcome name the attempt, which the
recorder compares and sets; a lease that runs out gives the job task back as attempt + 1, by the sweep.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from orchestrator.domain.caller import Caller
from orchestrator.domain.clock import now
from orchestrator.domain.ids import new_id
from orchestrator.domain.lifecycle import Actor
from orchestrator.domain.transition import Transition
from orchestrator.domain.vocabulary import JobTaskState
from orchestrator.errors import Denied, Invalid, NotFound
from orchestrator.services import executing, workers
from orchestrator.services.executing import Assignment
from orchestrator.services.recording import record
from orchestrator.store import executing as store
from orchestrator.store import jobs as job_store
from orchestrator.store import remote as remote_store
from orchestrator.store.spool import BlobFacts
from orchestrator.store.tables import Job, JobTask, RegisteredWorker, WorkerProcess
from orchestrator.store.unit_of_work import Begin, UnitOfWork

#: How many job tasks a claim tries before it says that there is none: others may be quicker.
_TRIES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """An analysis worker that a remote host offers."""

    name: str
    version: str
    description: str = ""
    accepts: Sequence[str] = ()
    classifies: bool = False
    seconds: float | None = None
    schema: Any = None


@dataclass(frozen=True, slots=True)
class Registered:
    """A remote worker's process: what it serves from now on, and what it may not, with the reason."""

    process: WorkerProcess
    refused: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Held:
    """A job task that a remote worker executes."""

    process: WorkerProcess
    job: Job
    row: JobTask


def register(
    uow: UnitOfWork, caller: Caller, host: str, pid: int, version: str, offered: Sequence[Announced]
) -> Registered:
    """Take out a lease, and put the analysis workers into the registry as such that Celery does not serve.

    Being registered gives them no work: the policy, a rule or a re-run has to name them. A worker that
    Celery serves here is refused.
    """
    known = store.registered(uow.session, [each.name for each in offered])
    refused = {name: "Celery workers serve it here" for name, row in known.items() if row.celery}
    taken = [each for each in offered if each.name not in refused]
    for each in taken:
        _register(uow, caller, known.get(each.name), each)
    process = WorkerProcess(
        id=new_id(),
        host=host,
        pid=pid,
        version=version,
        workers={each.name: each.version for each in taken},
        started_at=now(),
        seen_at=now(),
        user_id=caller.user_id,
        secret=secrets.token_hex(32),
    )
    uow.session.add(process)
    uow.commit()
    return Registered(process, refused)


def _register(uow: UnitOfWork, caller: Caller, row: RegisteredWorker | None, offered: Announced) -> None:
    if row is None:
        row = RegisteredWorker(
            id=new_id(),
            short_name=offered.name,
            localized_names={"english": offered.name},
            localized_descriptions={"english": offered.description or offered.name},
            celery=False,
            created_at=now(),
            created_by_id=caller.user_id,
        )
        uow.session.add(row)
    row.version, row.accepts = offered.version, sorted(offered.accepts)
    row.classifies, row.seconds = offered.classifies, offered.seconds
    row.result_schema = workers.valid_schema(offered.schema)


def own(uow: UnitOfWork, caller: Caller, process_id: UUID) -> WorkerProcess:
    """The caller's own remote worker process."""
    process = remote_store.get_process(uow.session, process_id)
    if process is None or process.user_id is None:
        raise NotFound("remote worker", process_id)
    if process.user_id != caller.user_id:
        raise Denied(f"remote worker {process_id} is somebody else's")
    return process


def claim(
    begin: Begin, caller: Caller, process_id: UUID, running: Collection[UUID]
) -> tuple[UUID, Assignment] | None:
    """A job task to execute, with its job's id; None where there is none now.

    ``running`` is what the worker knows to execute: what else it had claimed, of which the answer was lost
    on its way, it is told again.
    """
    with begin(write=False) as uow:
        process = own(uow, caller, process_id)
        lost = remote_store.executing_under(uow.session, process_id) - set(running)
        waiting = _claimable(uow, caller, process)
    if not lost and not waiting:
        return None
    with begin() as uow:
        process = own(uow, caller, process_id)
        found = min(lost, default=None) or _take(uow, caller, process)
        row = job_store.get_job_task(uow.session, found) if found else None
        assignments = executing.assignments(uow, [row]) if row else {}
        uow.commit()
    return (row.job_id, assignments[row.id]) if row and row.id in assignments else None


def _claimable(uow: UnitOfWork, caller: Caller, process: WorkerProcess) -> list[tuple[UUID, int]]:
    customer_id = None if caller.sees_all else caller.customer_id
    return remote_store.claimable(uow.session, process.workers, customer_id, now(), _TRIES)


def _take(uow: UnitOfWork, caller: Caller, process: WorkerProcess) -> UUID | None:
    for job_task_id, attempt in _claimable(uow, caller, process):
        transition = Transition(
            job_task_id=job_task_id,
            target=JobTaskState.executing,
            actor=Actor.recorder,
            at=now(),
            attempt=attempt,
            by=name_of(caller, process),
            host=process.host,
            process_id=process.id,
        )
        if record(uow, [transition]).applied:
            return job_task_id
    return None


def name_of(caller: Caller, process: WorkerProcess) -> str:
    """Who executes, as the history shows it."""
    return f"{caller.user}@{process.host}:{process.pid}"


def heartbeat(uow: UnitOfWork, caller: Caller, process_id: UUID, running: Mapping[UUID, int]) -> set[UUID]:
    """Renew the lease; those of the running job tasks that must end."""
    own(uow, caller, process_id)
    store.touch_process(uow.session, process_id, {}, now())
    off = executing.called_off(uow, running) if running else set()
    uow.commit()
    return off


def leave(uow: UnitOfWork, caller: Caller, process_id: UUID) -> None:
    """Give the lease back; what is still executing is given to others."""
    own(uow, caller, process_id)
    store.stop_process(uow.session, process_id, now())
    uow.commit()


def held(uow: UnitOfWork, caller: Caller, process_id: UUID, job_task_id: UUID) -> Held:
    """The job task, while this remote worker executes it; it sees nothing of any other."""
    process = own(uow, caller, process_id)
    row = job_store.get_job_task(uow.session, job_task_id)
    if row is None:
        raise NotFound("job task", job_task_id)
    if row.process_id != process_id or row.state is not JobTaskState.executing:
        raise Denied(f"job task {job_task_id} is not, or no longer, executed by this remote worker")
    job = job_store.get_job(uow.session, row.job_id)
    assert job is not None
    return Held(process, job, row)


def receipt(process: WorkerProcess, job_task_id: UUID, facts: BlobFacts) -> str:
    """Proves that this process sent these bytes for this job task: a hash alone proves no possession."""
    parts = (job_task_id, facts.sha256, facts.sha512, facts.sha1, facts.md5, facts.size)
    told = "|".join(map(str, parts)).encode()
    return hmac.new((process.secret or "").encode(), told, hashlib.sha256).hexdigest()


def check_receipt(process: WorkerProcess, job_task_id: UUID, facts: BlobFacts, given: str) -> None:
    """:class:`Invalid` for a file that this process did not send for this job task."""
    if not process.secret or not hmac.compare_digest(receipt(process, job_task_id, facts), given):
        raise Invalid("receipt", f"file {facts.sha256} was not sent for this job task")
