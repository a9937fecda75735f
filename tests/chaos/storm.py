"""Faults, thrown at a house while job tasks flow, and what must hold when it is over."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from kombu import Connection
from sqlalchemy import func, select

from orchestrator.broker.app import connection
from orchestrator.domain.lifecycle import FINAL
from orchestrator.domain.vocabulary import JobState, JobTaskState
from orchestrator.store.tables import Analysis, Job, JobTask, JobTaskEvent
from tests.integration.backends import OwnServer, eventually
from tests.integration.house import House, end, tree

#: How long the house may take to come to rest after the last fault, in seconds.
REST = 240.0
CONTENTS = ("steady", "raise", "crash", "sleep 0.05", "sleep 0.3", "nothing", "files")


@dataclass
class Figures:
    """What the long version prints."""

    faults: Counter[str] = field(default_factory=Counter)
    job_tasks: int = 0
    lost: int = 0
    stuck: int = 0
    doubled: int = 0
    attempts: int = 0
    longest_recovery: float = 0.0

    def __str__(self) -> str:
        injected = ", ".join(f"{count} {name}" for name, count in sorted(self.faults.items()))
        return (
            f"{sum(self.faults.values())} faults ({injected}); {self.job_tasks} job tasks, "
            f"{self.attempts} attempts beyond the first; lost {self.lost}, stuck {self.stuck}, "
            f"doubled {self.doubled}; longest recovery {self.longest_recovery:.1f} s"
        )


class Storm:
    """Plants jobs and throws faults in turns, by a seed, so that a failure can be seen again."""

    def __init__(self, house: House, server: OwnServer | None, seed: int) -> None:
        self._house = house
        self._server = server
        self._random = random.Random(seed)
        self._workers: list[subprocess.Popen[bytes]] = []
        self.figures = Figures()
        self.jobs: list[UUID] = []

    def begin(self, processes: int) -> None:
        self._workers = [self._house.worker(["behave", "steady"]) for _ in range(processes)]
        self._house.sweep()

    def plant(self, jobs: int) -> None:
        """Jobs of all behaviours; one in five is left for the sweep to publish, as after a crash."""
        for _ in range(jobs):
            content = f"{self._random.choice(CONTENTS)} {self._random.random()}"
            if content.startswith("sleep"):
                content = self._random.choice(("sleep 0.05", "sleep 0.3"))
            dispatch = self._random.random() > 0.2
            self.jobs.append(self._house.plant(content, "behave", "steady", dispatch=dispatch))

    def fault(self) -> None:
        """One fault, of a random kind."""
        faults: list[tuple[str, Callable[[], None]]] = [
            ("worker killed", self._kill_worker),
            ("worker stopped", self._stop_worker),
            ("child killed", self._kill_child),
            ("unreadable message", self._garbage),
            ("message doubled", self._double),
        ]
        if self._server is not None:
            faults.append(("broker killed", self._kill_broker))
        name, throw = self._random.choice(faults)
        throw()
        self.figures.faults[name] += 1

    def _kill_worker(self) -> None:
        victim = self._workers.pop(self._random.randrange(len(self._workers)))
        end(victim, signal.SIGKILL)
        self._workers.append(self._house.worker(["behave", "steady"], ready=False))

    def _stop_worker(self) -> None:
        victim = self._workers.pop(self._random.randrange(len(self._workers)))
        end(victim, signal.SIGTERM)
        self._workers.append(self._house.worker(["behave", "steady"], ready=False))

    def _kill_child(self) -> None:
        children = [each for worker in self._workers for each in tree(worker.pid)]
        if children:
            victim = self._random.choice(children)
            if victim.is_running():
                victim.kill()

    def _kill_broker(self) -> None:
        assert self._server is not None
        self._server.kill()
        time.sleep(self._random.random())
        self._server.start()

    def _garbage(self) -> None:
        body = self._random.choice([b"{", b"7", b"[1]", b"\xff"])
        with connection(self._house.settings) as opened:
            _publish(opened, body)

    def _double(self) -> None:
        job_id = self._random.choice(self.jobs)
        self._house.application.dispatch([self._house.message(job_id)])

    def rest(self) -> None:
        """Wait until every job is closed; then check what must hold."""
        began = time.monotonic()
        eventually(lambda: not self._open(), self._why(), REST)
        self.figures.longest_recovery = time.monotonic() - began
        self._count()

    def _open(self) -> int:
        with self._house.begin(write=False) as uow:
            statement = (
                select(func.count())
                .select_from(Job)
                .where(Job.state.in_((JobState.enqueued, JobState.executing)))
            )
            return uow.session.scalar(statement) or 0

    def _why(self) -> str:
        return f"jobs do not come to rest; see {[str(log) for log in self._house.logs]}"

    def _count(self) -> None:
        with self._house.begin(write=False) as uow:
            rows = list(uow.session.scalars(select(JobTask)))
            finals = Counter(
                uow.session.scalars(select(JobTaskEvent.job_task_id).where(JobTaskEvent.target.in_(FINAL)))
            )
            analyses = Counter(uow.session.scalars(select(Analysis.recorded_for)))
            planted = set(uow.session.scalars(select(JobTask.job_id).where(JobTask.job_id.in_(self.jobs))))
        figures = self.figures
        figures.job_tasks = len(rows)
        figures.attempts = sum(row.attempt - 1 for row in rows)
        figures.lost = len(set(self.jobs) - planted)
        figures.stuck = sum(row.state not in FINAL for row in rows)
        figures.doubled = sum(count > 1 for count in finals.values())
        figures.doubled += sum(count > 1 for count in analyses.values())
        succeeded = {row.id for row in rows if row.state is JobTaskState.success}
        assert succeeded == analyses.keys(), "each success has its analysis, and nothing else has one"
        assert all(finals[row.id] == 1 for row in rows), "exactly one final history row each"


def _publish(opened: Connection, body: bytes) -> None:
    opened.Producer(auto_declare=False).publish(
        body,
        routing_key="analysis.behave",
        headers={"task": "assay.analyse", "id": "none"},
        content_type="application/json",
        content_encoding="utf-8",
    )
