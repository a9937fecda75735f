"""A store, a broker, and real worker processes over them, without the API."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
from sqlalchemy import select

from orchestrator.bootstrap import make_application
from orchestrator.broker.sweep import Sweeper
from orchestrator.domain.clock import now
from orchestrator.domain.lifecycle import FINAL
from orchestrator.domain.messages import JobTaskMessage
from orchestrator.domain.vocabulary import JobState, JobTaskState
from orchestrator.services import access, executing, planning
from orchestrator.settings import Settings
from orchestrator.store import migrations
from orchestrator.store.engine import make_engine
from orchestrator.store.tables import Analysis, Job, JobTask, JobTaskEvent, SampleRow, WorkerProcess
from orchestrator.worker import AnalysisWorker, Findings
from tests.integration.backends import dies_with_us, eventually

BEHAVING = Path(__file__).parent / "behaving"
WORKERS = ("behave", "steady", "hasty")

_ENTRY_POINTS = "[assay.workers]\n" + "".join(f"{name} = behaving:{name}\n" for name in (*WORKERS, "dawdler"))


class House:
    """One store and broker. Times are short, so that nothing has to be waited for."""

    def __init__(self, folder: Path, database_url: str, broker_url: str, **settings: Any) -> None:
        quick = {
            "sweep_interval": 0.2,
            "worker_lease": 3.0,
            "heartbeat_interval": 0.5,
            "retry_backoff": 0.2,
            "publish_grace": 0.5,
        }
        self.settings = Settings(
            data_dir=folder, database_url=database_url, broker_url=broker_url, **{**quick, **settings}
        )
        engine = make_engine(self.settings.database)
        migrations.upgrade(engine)
        engine.dispose()
        self.application = make_application(self.settings)
        self.begin = self.application.begin
        self.behaving = _installed_beside(Path(tempfile.mkdtemp(prefix="assay-behaving-")))
        self._processes: list[subprocess.Popen[bytes]] = []
        self._sweeping: tuple[threading.Thread, threading.Event] | None = None
        self.logs: list[Path] = []
        with self.begin() as uow:
            self.customer_id = access.service_user(uow).customer_id
            executing.announce(uow, [_registered(name) for name in WORKERS])

    def worker(self, workers: Sequence[str] = WORKERS, *, ready: bool = True) -> subprocess.Popen[bytes]:
        """Start a worker process; returns when it takes messages."""
        process = self.spawn("worker-process", "--workers", ",".join(workers))
        if ready:
            eventually(lambda: self.lives(process.pid) or self._died(process), f"see {self.logs[-1]}")
        return process

    def spawn(self, *arguments: str, pass_fds: Sequence[int] = ()) -> subprocess.Popen[bytes]:
        """Start a process of the service; its messages go to the newest of the logs."""
        log = self.settings.folder / f"{arguments[0]}-{len(self.logs)}.log"
        self.logs.append(log)
        with log.open("wb") as output:
            process = subprocess.Popen(
                dies_with_us([*self.program(), *arguments]),
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=pass_fds,
            )
        self._processes.append(process)
        return process

    def program(self) -> list[str]:
        """What is run with the arguments of ``assay``."""
        return [sys.executable, "-m", "orchestrator"]

    def environment(self) -> dict[str, str]:
        """The settings as processes are told them, and the workers for tests."""
        env = {name: value for name, value in os.environ.items() if not name.startswith("ASSAY_")}
        for name in self.settings.model_fields_set:
            env[f"ASSAY_{name.upper()}"] = str(getattr(self.settings, name))
        env["PYTHONPATH"] = str(self.behaving)
        return env

    def _died(self, process: subprocess.Popen[bytes]) -> bool:
        assert process.poll() is None, self.logs[-1].read_text()
        return False

    def lives(self, pid: int) -> bool:
        """Whether a worker process has taken out its lease."""
        with self.begin(write=False) as uow:
            return uow.session.scalar(select(WorkerProcess).where(WorkerProcess.pid == pid)) is not None

    def sweep(self) -> None:
        """Let a sweep run beside the test."""
        closing = threading.Event()
        thread = threading.Thread(target=Sweeper(self.settings, self.begin).run, args=(closing,))
        thread.start()
        self._sweeping = thread, closing

    def plant(
        self, content: str, *workers: str, dispatch: bool = True, priority: int = planning.LIVE
    ) -> UUID:
        """Store a sample and plan a job of these workers over it; the job's id."""
        facts = self.application.blobs.put([content.encode()])
        with self.begin() as uow:
            sample = uow.session.get(SampleRow, facts.sha256)
            if sample is None:
                sample = SampleRow(
                    sha256=facts.sha256,
                    sha512=facts.sha512,
                    sha1=facts.sha1,
                    md5=facts.md5,
                    size=facts.size,
                    created_at=now(),
                )
                uow.session.add(sample)
                uow.flush()
            wish = planning.Wish(customer_id=self.customer_id, workers=workers, priority=priority)
            planned = planning.plan(uow, self.settings, sample, wish)
            uow.commit()
        if dispatch:
            self.application.dispatch(planned.messages)
        return planned.job.id

    def job(self, job_id: UUID) -> Job:
        with self.begin(write=False) as uow:
            return uow.session.get_one(Job, job_id)

    def job_tasks(self, job_id: UUID) -> dict[str, JobTask]:
        """The job's job tasks, by worker."""
        with self.begin(write=False) as uow:
            rows = uow.session.scalars(select(JobTask).where(JobTask.job_id == job_id))
            return {row.worker: row for row in rows}

    def job_task(self, job_id: UUID, worker: str = "behave") -> JobTask:
        return self.job_tasks(job_id)[worker]

    def analyses(self, job_id: UUID) -> list[Analysis]:
        with self.begin(write=False) as uow:
            return list(uow.session.scalars(select(Analysis).where(Analysis.job_id == job_id)))

    def history(self, job_task_id: UUID) -> list[JobTaskEvent]:
        """The job task's history, oldest first."""
        with self.begin(write=False) as uow:
            statement = (
                select(JobTaskEvent).where(JobTaskEvent.job_task_id == job_task_id).order_by(JobTaskEvent.id)
            )
            return list(uow.session.scalars(statement))

    def message(self, job_id: UUID, worker: str = "behave", attempt: int = 1) -> JobTaskMessage:
        """A message for one of the job's job tasks."""
        return JobTaskMessage(self.job_task(job_id, worker).id, worker, attempt)

    def until(self, job_id: UUID, state: JobTaskState, worker: str = "behave") -> JobTask:
        """The job task, once it is in this state."""

        def reached() -> JobTask | None:
            row = self.job_task(job_id, worker)
            return row if row.state is state or row.state in FINAL else None

        try:
            row = eventually(reached)
        except AssertionError:
            row = self.job_task(job_id, worker)
        tail = "".join(log.read_text()[-3000:] for log in self.logs)
        assert row.state is state, f"{worker} is {row.state}: {row.message}\n{tail}"
        return row

    def until_closed(self, job_id: UUID) -> Job:
        """The job, once it is closed."""
        return eventually(lambda: _closed(self.job(job_id)))

    def close(self) -> None:
        if self._sweeping is not None:
            self._sweeping[1].set()
            self._sweeping[0].join()
        for process in self._processes:
            end(process)
        self.application.close()


def _closed(job: Job) -> Job | None:
    return job if job.state in (JobState.done, JobState.timeout) else None


def _registered(name: str) -> AnalysisWorker:
    return AnalysisWorker(name=name, version="0", analyse=lambda _: Findings())


def _installed_beside(folder: Path) -> Path:
    """A folder for ``PYTHONPATH`` that offers the workers for tests, as an installed package does."""
    folder.chmod(0o755)
    site = folder / "site-packages"
    info = site / "behaving-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: behaving\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(_ENTRY_POINTS)
    for module in BEHAVING.glob("*.py"):
        (site / module.name).write_bytes(module.read_bytes())
    return site


def tree(pid: int) -> list[psutil.Process]:
    """A process's children, theirs, and so on."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def end(process: subprocess.Popen[bytes], number: int = signal.SIGTERM) -> None:
    """End a process and everything that it started."""
    below = tree(process.pid)
    if process.poll() is None:
        process.send_signal(number)
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for each in psutil.wait_procs(below, timeout=5)[1]:
        each.kill()


def sha256(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()
