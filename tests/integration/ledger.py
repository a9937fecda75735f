"""A store with jobs in it, and shorthands to move their job tasks."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import select

from orchestrator.domain.clock import now
from orchestrator.domain.ids import new_id
from orchestrator.domain.lifecycle import Actor
from orchestrator.domain.messages import Message
from orchestrator.domain.vocabulary import JobState, JobTaskState
from orchestrator.services import access, executing
from orchestrator.services.executing import Process
from orchestrator.services.recording import Recorded, Transition, record
from orchestrator.settings import Settings
from orchestrator.store import migrations
from orchestrator.store.engine import make_engine
from orchestrator.store.tables import Job, JobTask, JobTaskEvent, SampleRow, WorkerProcess
from orchestrator.store.unit_of_work import UnitOfWork
from orchestrator.worker import AnalysisWorker, Findings

SHA = "a" * 64


class Ledger:
    """One store, one sample, any number of jobs over it."""

    def __init__(self, folder: Path, database_url: str, **settings: Any) -> None:
        self.settings = Settings(data_dir=folder, database_url=database_url, **settings)
        self._engine = make_engine(self.settings.database)
        migrations.upgrade(self._engine)
        self.begin = partial(UnitOfWork, self._engine)
        self.sent: list[Message] = []
        with self.begin() as uow:
            self.customer_id = access.service_user(uow).customer_id
            sample = SampleRow(
                sha256=SHA, sha512="b" * 128, sha1="c" * 40, md5="d" * 32, size=3, created_at=now()
            )
            uow.session.merge(sample)
            uow.commit()

    def dispatch(self, messages: Any) -> None:
        self.sent += messages

    def job(
        self,
        *workers: str,
        deadline: timedelta = timedelta(hours=1),
        age: timedelta = timedelta(0),
        published: bool = True,
        celery: bool = True,
    ) -> tuple[UUID, list[UUID]]:
        """A job of these workers, enqueued ``age`` ago; its id and those of its job tasks."""
        at = now() - age
        job = Job(
            id=new_id(),
            customer_id=self.customer_id,
            sample_sha256=SHA,
            state=JobState.enqueued,
            enqueued_at=at,
            deadline_at=now() + deadline,
        )
        rows = [
            JobTask(
                id=new_id(),
                job_id=job.id,
                worker=worker,
                state=JobTaskState.enqueued,
                celery=celery,
                enqueued_at=at,
                due_at=at,
                published_at=at if published else None,
                deadline_at=job.deadline_at,
            )
            for worker in workers
        ]
        with self.begin() as uow:
            uow.session.add(job)
            uow.flush()
            uow.session.add_all(rows)
            uow.commit()
        return job.id, [row.id for row in rows]

    def process(self, *workers: str, seen: timedelta = timedelta(0), stopped: bool = False) -> Process:
        """A worker process that was last heard ``seen`` ago."""
        process = Process(new_id(), "host", 4711, "1.0")
        with self.begin() as uow:
            uow.session.add(
                WorkerProcess(
                    id=process.id,
                    host=process.host,
                    pid=process.pid,
                    version=process.version,
                    workers=dict.fromkeys(workers, "1"),
                    started_at=now() - seen,
                    seen_at=now() - seen,
                    stopped_at=now() if stopped else None,
                )
            )
            uow.commit()
        return process

    def classifier(self, name: str) -> None:
        """Register a classifying analysis worker."""
        with self.begin() as uow:
            worker = AnalysisWorker(name, "1", lambda _: Findings(), classifies=True)
            executing.announce(uow, [worker])

    def transition(self, job_task_id: UUID, target: JobTaskState, **fields: Any) -> Transition:
        """A transition, by the recorder and now unless said otherwise."""
        given = {"actor": Actor.recorder, "at": now(), **fields}
        return Transition(job_task_id=job_task_id, target=target, **given)

    def record(self, *transitions: Transition) -> Recorded:
        """Record in a transaction of its own."""
        with self.begin() as uow:
            done = record(uow, transitions)
            uow.commit()
        return done

    def move(self, job_task_id: UUID, target: JobTaskState, **fields: Any) -> Recorded:
        """Record one transition."""
        return self.record(self.transition(job_task_id, target, **fields))

    def job_task(self, job_task_id: UUID) -> JobTask:
        with self.begin(write=False) as uow:
            return uow.session.get_one(JobTask, job_task_id)

    def get_job(self, job_id: UUID) -> Job:
        with self.begin(write=False) as uow:
            return uow.session.get_one(Job, job_id)

    def history(self, job_task_id: UUID) -> list[JobTaskEvent]:
        with self.begin(write=False) as uow:
            statement = (
                select(JobTaskEvent).where(JobTaskEvent.job_task_id == job_task_id).order_by(JobTaskEvent.id)
            )
            return list(uow.session.scalars(statement))

    def close(self) -> None:
        self._engine.dispose()
