"""Rows that a benchmark begins with, written past the services: no figure pays for them."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any, Self
from uuid import UUID

from sqlalchemy import func, insert, select

from benchmarks.kit.noop import NAMES
from orchestrator.broker.publishing import Publication
from orchestrator.domain.clock import now
from orchestrator.domain.ids import new_id
from orchestrator.domain.messages import JobTaskMessage
from orchestrator.domain.vocabulary import JobState, JobTaskState, Role, Tlp
from orchestrator.services import access
from orchestrator.settings import Settings
from orchestrator.store.blobs import open_blobs
from orchestrator.store.engine import make_engine
from orchestrator.store.tables import (
    Job,
    JobTask,
    JobTaskEvent,
    RegisteredWorker,
    SampleRow,
    Subject,
    Submission,
)
from orchestrator.store.unit_of_work import Begin, UnitOfWork

JOB_SIZE = len(NAMES)
WORKER = NAMES[0]
_PUBLISH_AT_A_TIME = 1000


class Store:
    """The store of some settings, opened for as long as a block lasts."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._engine = make_engine(settings.database)
        self.begin: Begin = partial(UnitOfWork, self._engine)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._engine.dispose()

    def key(self, role: Role = Role.administrator) -> str:
        """A key of the benchmark's own user."""
        with self.begin() as uow:
            access.service_user(uow)
            return access.create_key(uow, f"bench-{role.name}", role)

    def register(self) -> None:
        """Make the no-op workers known, as their worker processes would."""
        with self.begin() as uow:
            known = set(uow.session.scalars(select(RegisteredWorker.short_name)))
            uow.session.add_all(
                RegisteredWorker(
                    short_name=name,
                    localized_names={"english": name},
                    localized_descriptions={"english": name},
                    created_at=now(),
                    version="1.0",
                    celery=True,
                )
                for name in NAMES
                if name not in known
            )
            uow.commit()

    def sample(self, content: bytes) -> str:
        """A stored sample; its SHA-256."""
        blobs = open_blobs(self.settings)
        with blobs.spool() as spool:
            spool.write(content)
            sha256 = blobs.keep(spool).sha256
        with self.begin() as uow:
            uow.session.add(_sample_row(sha256, len(content)))
            uow.commit()
        return sha256

    def submitted(self, count: int, user: str) -> list[str]:
        """Samples that this user submitted, without their bytes; their SHA-256."""
        names = [new_id().hex * 2 for _ in range(count)]
        with self.begin() as uow:
            owner = uow.session.scalars(select(Subject).where(Subject.short_name == user)).one()
            uow.session.add_all(_sample_row(each, 1) for each in names)
            uow.flush()
            uow.session.add_all(_submission(each, owner) for each in names)
            uow.commit()
        return names

    def open_left(self) -> bool:
        """Whether a job task is not final."""
        with self.begin(write=False) as uow:
            states = (JobTaskState.enqueued, JobTaskState.executing)
            return bool(uow.session.scalar(select(JobTask.id).where(JobTask.state.in_(states)).limit(1)))

    def started(self) -> bool:
        """Whether a job task has begun."""
        with self.begin(write=False) as uow:
            return bool(uow.session.scalar(select(JobTask.id).where(JobTask.start_at.is_not(None)).limit(1)))

    def counts(self, column: Any) -> dict[Any, int]:
        """How many rows have each value."""
        with self.begin(write=False) as uow:
            return dict(uow.session.execute(select(column, func.count()).group_by(column)).all())

    def first_start(self) -> float:
        """When the first job task began, in seconds of the wall clock."""
        with self.begin(write=False) as uow:
            first = uow.session.scalar(select(func.min(JobTask.start_at)))
            assert first is not None
            return float(first.timestamp())


def _sample_row(sha256: str, size: int) -> SampleRow:
    hashes = {"sha512": sha256 * 2, "sha1": sha256[:40], "md5": sha256[:32]}
    return SampleRow(sha256=sha256, size=size, created_at=now(), **hashes)


def _submission(sha256: str, user: Subject) -> Submission:
    at = now()
    return Submission(
        sample_sha256=sha256,
        customer_id=user.customer_id,
        user_id=user.id,
        file_name="sample.bin",
        mime_type="application/octet-stream",
        meta_data={},
        tlp=Tlp.amber,
        user_agent_name="bench",
        user_agent_version="1.0",
        observed_at=at,
        submitted_at=at,
        flags=[],
    )


def plant(store: Store, count: int, *, swept: bool = True) -> list[JobTaskMessage]:
    """Enqueue job tasks, in jobs of eight, over one stored sample, as if their messages had been sent.

    Where they are not ``swept``, the sweep leaves them alone although no queue holds their messages yet.
    All of them go to one queue, as the bare tasks that they are compared with.
    """
    sha256 = store.sample(new_id().hex.encode())
    at = now()
    with store.begin() as uow:
        customer_id = access.service_user(uow).customer_id
        jobs = [_job(customer_id, sha256, at) for _ in range(-(-count // JOB_SIZE))]
        rows = [_job_task(jobs[number // JOB_SIZE]["id"], number, at, swept) for number in range(count)]
        connection = uow.session.connection()
        connection.execute(insert(Job.__table__), jobs)
        connection.execute(insert(JobTask.__table__), rows)
        uow.commit()
    return [JobTaskMessage(row["id"], WORKER) for row in rows]


def _job(customer_id: int, sha256: str, at: Any) -> dict[str, Any]:
    return {
        "id": new_id(),
        "customer_id": customer_id,
        "sample_sha256": sha256,
        "state": JobState.enqueued,
        "judged": False,
        "enqueued_at": at,
        "deadline_at": at + timedelta(hours=1),
    }


def _job_task(job_id: UUID, number: int, at: Any, swept: bool) -> dict[str, Any]:
    return {
        "id": new_id(),
        "job_id": job_id,
        "worker": NAMES[number % JOB_SIZE],
        "state": JobTaskState.enqueued,
        "celery": swept,
        "enqueued_at": at,
        "due_at": at,
        "published_at": at,
        "deadline_at": at + timedelta(hours=1),
    }


def publish(settings: Settings, messages: list[JobTaskMessage]) -> None:
    """Send the messages, confirmed."""
    publication = Publication(settings)
    for start in range(0, len(messages), _PUBLISH_AT_A_TIME):
        batch = messages[start : start + _PUBLISH_AT_A_TIME]
        sent = publication.publish(batch)
        assert len(sent) == len(batch)
    publication.close()


def check(store: Store, count: int) -> None:
    """Every job task succeeded, with exactly one history row for its start and one for its end."""
    states = store.counts(JobTask.state)
    targets = store.counts(JobTaskEvent.target)
    closed = store.counts(Job.state)
    assert states == {JobTaskState.success: count}, states
    ends = {each: targets.get(each) for each in (JobTaskState.executing, JobTaskState.success)}
    assert set(ends.values()) == {count}, targets
    assert closed == {JobState.done: -(-count // JOB_SIZE)}, closed
