"""What the recorder claims, over each database: together, alone, and when the database's answer is lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from orchestrator.broker.recorder import Recorder
from orchestrator.domain.vocabulary import JobTaskState
from orchestrator.errors import Unavailable
from orchestrator.services.executing import Assignment
from orchestrator.store.unit_of_work import UnitOfWork
from tests.integration.backends import eventually
from tests.integration.ledger import Ledger


@dataclass
class Request:
    """A message as the recorder sees it."""

    job_task_id: UUID
    attempt: int = 1
    worker: str = "a"
    priority: int = 0
    message: Any = None


class LosesAnswers(UnitOfWork):
    """Commits, and while ``lost`` is not empty, cannot say so."""

    lost: list[int]

    def commit(self) -> None:
        super().commit()
        if self.lost:
            self.lost.pop()
            raise Unavailable("the answer is lost")


@dataclass
class Bench:
    """A recorder, and what it did with the messages that it was given."""

    recorder: Recorder
    started: list[UUID]
    acknowledged: list[Any]
    lost: list[int]

    def end(self, *job_task_ids: UUID) -> None:
        """Let runs end; their outcomes do not matter here."""
        for key in job_task_ids:
            attempt = self.recorder.running()[key]
            self.recorder.forget(Request(key, attempt))


@pytest.fixture
def ledger(tmp_path: Path, database_url: str) -> Iterator[Ledger]:
    made = Ledger(tmp_path, database_url)
    yield made
    made.close()


@contextmanager
def bench(ledger: Ledger, *, room: int = 1) -> Iterator[Bench]:
    """A recorder over the ledger that claims up to ``room`` job tasks at a time."""
    (engine,) = ledger.begin.args
    losing = type("Losing", (LosesAnswers,), {"lost": []})
    started: list[UUID] = []

    def run(_: Any, assignment: Assignment) -> None:
        started.append(assignment.job_task_id)

    recorder = Recorder(
        partial(losing, engine), lambda _: None, ledger.settings, ledger.process("a"), run, room
    )
    acknowledged: list[Any] = []
    recorder.acknowledge = acknowledged.extend
    yield Bench(recorder, started, acknowledged, losing.lost)
    recorder.close(30)


def test_a_claim_whose_answer_was_lost(ledger: Ledger) -> None:
    """It was committed: the job task runs here, once, instead of executing for ever in a live process."""
    _, (task,) = ledger.job("a")
    with bench(ledger) as made:
        made.lost.append(1)
        made.recorder.receive(Request(task))
        made.recorder.receive(Request(task))
        made.recorder.start()
        eventually(lambda: made.started)
        made.end(task)
        eventually(lambda: len(made.acknowledged) == 2)
        assert made.started == [task]
    assert [each.target for each in ledger.history(task)].count(JobTaskState.executing) == 1


def test_a_claim_that_another_process_has(ledger: Ledger) -> None:
    """An answer that was lost gives nobody what is another's."""
    _, (task,) = ledger.job("a")
    other = ledger.process("a")
    with bench(ledger) as made:
        ledger.move(task, JobTaskState.executing, attempt=1, process_id=other.id)
        made.lost.append(1)
        made.recorder.receive(Request(task))
        made.recorder.start()
        eventually(lambda: made.acknowledged)
        assert made.started == []


def test_what_was_tried_before_runs_alone(ledger: Ledger) -> None:
    """If it kills its process once more, nobody else is lost with it."""
    _, (first, suspect, last) = ledger.job("a", "b", "c")
    ledger.move(suspect, JobTaskState.executing, attempt=1)
    ledger.move(suspect, JobTaskState.enqueued, attempt=1)
    with bench(ledger, room=4) as made:
        for request in (Request(first), Request(suspect, attempt=2), Request(last)):
            made.recorder.receive(request)
        made.recorder.start()
        eventually(lambda: made.started == [first])
        made.end(first)
        eventually(lambda: made.started == [first, suspect])
        made.end(suspect)
        eventually(lambda: made.started == [first, suspect, last])
        made.end(last)
