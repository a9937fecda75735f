"""Jobs, job tasks and their history; the worker processes that run them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from orchestrator.domain.ids import new_id
from orchestrator.domain.lifecycle import Actor
from orchestrator.domain.vocabulary import JobState, JobTaskState
from orchestrator.store.tables.access import Customer
from orchestrator.store.tables.base import Base, Counter, Json, values

_OPEN = "state IN ('enqueued', 'executing')"


def _partial(name: str, *columns: str, where: str) -> Index:
    """An index over open rows alone: its size, and so the sweep's cost, ignore finished work."""
    return Index(name, *columns, postgresql_where=text(where), sqlite_where=text(where))


class Job(Base):
    """One run over a sample."""

    __tablename__ = "job"
    __table_args__ = (
        Index("ix_job_enqueued_at_id", "enqueued_at", "id"),
        Index("ix_job_customer_id_enqueued_at", "customer_id", "enqueued_at"),
        Index("ix_job_sample_sha256", "sample_sha256"),
        _partial("ix_job_deadline_at_open", "deadline_at", where=_OPEN),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    sample_sha256: Mapped[str] = mapped_column(ForeignKey("sample.sha256"))
    submission_id: Mapped[UUID | None] = mapped_column(index=True)
    state: Mapped[JobState] = mapped_column(values(JobState))
    #: 0 (bulk) … 9 (urgent); a live submission's is 5.
    priority: Mapped[int] = mapped_column(default=5)
    #: The policy's options for the workers, and what the workers learn of the sample.
    options: Mapped[dict[str, str]] = mapped_column(Json, default=dict)
    #: How far below the root sample this job's is; extracted children stop at a limit.
    depth: Mapped[int] = mapped_column(default=0)
    #: The job of the root sample, None for a root.
    root_job_id: Mapped[UUID | None] = mapped_column(index=True)
    #: Workers that wait for the sample's classification.
    pending_workers: Mapped[list[str]] = mapped_column(Json, default=list)
    #: False: its end draws no verdict, for it looks at one question only (a reclassification).
    judged: Mapped[bool] = mapped_column(default=True)
    enqueued_at: Mapped[datetime]
    start_at: Mapped[datetime | None]
    end_at: Mapped[datetime | None]
    deadline_at: Mapped[datetime]

    customer: Mapped[Customer] = relationship(lazy="raise")


class JobTask(Base):
    """One worker's step in a job. Its id is the Celery task's id."""

    __tablename__ = "job_task"
    __table_args__ = (
        Index("uq_job_task_job_id_worker", "job_id", "worker", unique=True),
        _partial("ix_job_task_deadline_at_open", "deadline_at", where=_OPEN),
        _partial(
            "ix_job_task_due_at_unpublished",
            "due_at",
            where="state = 'enqueued' AND published_at IS NULL AND lane IS NULL",
        ),
        _partial("ix_job_task_lane_id_held", "lane", "id", where="state = 'enqueued' AND lane IS NOT NULL"),
        _partial("ix_job_task_published_at_waiting", "published_at", where="state = 'enqueued'"),
        _partial("ix_job_task_process_id_executing", "process_id", where="state = 'executing'"),
        _partial("ix_job_task_worker_open", "worker", "state", where=_OPEN),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    job_id: Mapped[UUID] = mapped_column(ForeignKey("job.id"))
    worker: Mapped[str] = mapped_column(String(128))
    state: Mapped[JobTaskState] = mapped_column(values(JobTaskState))
    message: Mapped[str | None]
    #: Counts up each time the job task goes back to ``enqueued``; a stale attempt's outcome is refused.
    attempt: Mapped[int] = mapped_column(default=1)
    priority: Mapped[int] = mapped_column(default=5)
    #: False: an external analyzer drives it over the API, no message is sent.
    celery: Mapped[bool] = mapped_column(default=True)
    enqueued_at: Mapped[datetime]
    #: Not to be published before this moment (retry with backoff).
    due_at: Mapped[datetime]
    #: When its message was last sent, or is about to be (:class:`Outbox`); None: not yet.
    published_at: Mapped[datetime | None]
    start_at: Mapped[datetime | None]
    end_at: Mapped[datetime | None]
    deadline_at: Mapped[datetime]
    #: The worker process that executes it.
    process_id: Mapped[UUID | None]
    #: Where its message is held back while enough wait in the broker (``store/backlog.py``); None: it is not.
    lane: Mapped[str | None]


class Outbox(Base):
    """What a commit has left to send; gone once all of it is with the broker."""

    __tablename__ = "outbox"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    at: Mapped[datetime]
    #: The ids of the job tasks, in hexadecimal digits.
    job_tasks: Mapped[list[str]] = mapped_column(Json)


class JobTaskEvent(Base):
    """One applied transition: what a timeline is drawn from."""

    __tablename__ = "job_task_event"
    __table_args__ = (Index("ix_job_task_event_job_task_id_id", "job_task_id", "id"),)

    id: Mapped[int] = mapped_column(Counter, primary_key=True)
    job_task_id: Mapped[UUID]
    attempt: Mapped[int]
    source: Mapped[JobTaskState | None] = mapped_column(values(JobTaskState))
    target: Mapped[JobTaskState] = mapped_column(values(JobTaskState))
    at: Mapped[datetime]
    actor: Mapped[Actor] = mapped_column(values(Actor))
    #: Who exactly: a user's short name, or the worker process's host and pid.
    by: Mapped[str | None]
    #: Why, in one word: ``lost``, ``raised``, ``crashed``, ``limit``, ``temporary`` …
    cause: Mapped[str | None] = mapped_column(String(32))
    message: Mapped[str | None]
    host: Mapped[str | None]
    worker_version: Mapped[str | None]
    waited_ms: Mapped[int | None] = mapped_column(BigInteger)
    ran_ms: Mapped[int | None] = mapped_column(BigInteger)


class JobTaskAnalysis(Base):
    """Which analyses a job task refers to, in order."""

    __tablename__ = "job_task_analysis"

    job_task_id: Mapped[UUID] = mapped_column(ForeignKey("job_task.id"), primary_key=True)
    analysis_id: Mapped[UUID] = mapped_column(ForeignKey("analysis.id"), primary_key=True, index=True)
    position: Mapped[int] = mapped_column(default=0)


class WorkerProcess(Base):
    """A process that executes, and its lease: it lives while ``seen_at`` keeps moving."""

    __tablename__ = "worker_process"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    host: Mapped[str]
    pid: Mapped[int]
    version: Mapped[str]
    #: Short name → version of each analysis worker that it serves.
    workers: Mapped[dict[str, str]] = mapped_column(Json, default=dict)
    #: Messages that it has received and not yet claimed, by analysis worker.
    holding: Mapped[dict[str, Any]] = mapped_column(Json, default=dict, server_default="{}")
    started_at: Mapped[datetime]
    seen_at: Mapped[datetime] = mapped_column(index=True)
    stopped_at: Mapped[datetime | None]
    #: Whose key a remote worker has; None: a Celery worker process of ours.
    user_id: Mapped[int | None]
    #: What receipts for a remote worker's files are made with.
    secret: Mapped[str | None]


class SetAside(Base):
    """A message that no worker could make sense of: kept for an operator to see and to send again."""

    __tablename__ = "set_aside"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    queue: Mapped[str]
    reason: Mapped[str]
    content_type: Mapped[str]
    headers: Mapped[dict[str, str]] = mapped_column(Json, default=dict)
    body: Mapped[bytes] = mapped_column(LargeBinary)
    received_at: Mapped[datetime] = mapped_column(index=True)
    replayed_at: Mapped[datetime | None]
