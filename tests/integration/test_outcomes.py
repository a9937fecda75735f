"""One commit of a worker process, which knows what it claimed and need not read it again."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select

from orchestrator.domain.lifecycle import Actor
from orchestrator.domain.vocabulary import JobState, JobTaskState
from orchestrator.services import executing
from orchestrator.services.executing import Process
from orchestrator.services.outcomes import Committed, commit
from orchestrator.services.recording import Transition
from orchestrator.store.tables import RegisteredWorker
from orchestrator.worker import AnalysisWorker, Findings
from tests.integration.ledger import Ledger


@pytest.fixture
def ledger(tmp_path: Path, database_url: str) -> Iterator[Ledger]:
    made = Ledger(tmp_path, database_url)
    yield made
    made.close()


def test_processes_that_start_at_once(ledger: Ledger) -> None:
    """Each finds the registry as the others leave it; none ends because another was there first."""
    workers = [AnalysisWorker(f"worker-{number}", "1", lambda _: Findings()) for number in range(5)]

    def start(_: int) -> None:
        with ledger.begin() as uow:
            executing.announce(uow, workers)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(start, range(8)))
    with ledger.begin(write=False) as uow:
        names = sorted(uow.session.scalars(select(RegisteredWorker.short_name)))
    assert names == [each.name for each in workers]


@pytest.fixture
def process(ledger: Ledger) -> Process:
    return ledger.process("yara")


def claim(ledger: Ledger, process: Process, *job_task_ids: UUID) -> Committed:
    claims = [
        ledger.transition(each, JobTaskState.executing, attempt=1, process_id=process.id)
        for each in job_task_ids
    ]
    return commit(ledger.begin, ledger.settings, process, [], claims, {})


def finish(ledger: Ledger, process: Process, claimed: Committed, *outcomes: Transition) -> Committed:
    return commit(ledger.begin, ledger.settings, process, outcomes, [], claimed.rows)


def test_a_claim_says_what_to_work_on(ledger: Ledger, process: Process) -> None:
    """Each claimed job task comes with its sample, its attempt and the row as it is now."""
    _, (first, second) = ledger.job("yara", "pe")
    claimed = claim(ledger, process, first, second)
    assert claimed.assignments.keys() == claimed.rows.keys() == {first, second}
    assert [(each.worker, each.attempt, each.size) for each in claimed.assignments.values()] == [
        ("yara", 1, 3),
        ("pe", 1, 3),
    ]


def test_outcomes_of_known_job_tasks(ledger: Ledger, process: Process) -> None:
    """They are recorded as if they had been read: history, times, the job's end."""
    job_id, (first, second) = ledger.job("yara", "pe")
    claimed = claim(ledger, process, first, second)
    done = [ledger.transition(each, JobTaskState.success, attempt=1, ran_ms=5) for each in (first, second)]
    finish(ledger, process, claimed, *done)
    for each in (first, second):
        started, ended = ledger.history(each)
        assert (started.target, ended.source, ended.target) == (
            JobTaskState.executing,
            JobTaskState.executing,
            JobTaskState.success,
        )
        assert (ended.by, ended.host, ended.ran_ms) == (process.name, process.host, 5)
        assert started.waited_ms is not None
        row = ledger.job_task(each)
        assert row.published_at is not None
        assert row.end_at is not None
    assert ledger.get_job(job_id).state is JobState.done


def test_somebody_else_moved_one_of_them(ledger: Ledger, process: Process) -> None:
    """What was cancelled stays cancelled, with one final history row; the rest of the batch is recorded."""
    job_id, (first, second) = ledger.job("yara", "pe")
    claimed = claim(ledger, process, first, second)
    ledger.move(first, JobTaskState.cancelled, actor=Actor.cancel)
    done = [ledger.transition(each, JobTaskState.success, attempt=1) for each in (first, second)]
    finish(ledger, process, claimed, *done)
    assert ledger.job_task(first).state is JobTaskState.cancelled
    assert ledger.job_task(second).state is JobTaskState.success
    assert [event.target for event in ledger.history(first)] == [
        JobTaskState.executing,
        JobTaskState.cancelled,
    ]
    assert ledger.get_job(job_id).state is JobState.done


def test_a_job_task_that_was_taken_over(ledger: Ledger, process: Process) -> None:
    """The outcome of a lost attempt is refused, although the process knew the row."""
    _, (first,) = ledger.job("yara")
    claimed = claim(ledger, process, first)
    ledger.move(first, JobTaskState.enqueued, actor=Actor.lost, attempt=1, cause="lost")
    finish(ledger, process, claimed, ledger.transition(first, JobTaskState.success, attempt=1))
    row = ledger.job_task(first)
    assert (row.state, row.attempt, row.published_at) == (JobTaskState.enqueued, 2, None)


def test_a_retry_of_a_known_job_task(ledger: Ledger, process: Process) -> None:
    """It goes back to the outbox, whatever the row said when it was claimed."""
    _, (first,) = ledger.job("yara")
    claimed = claim(ledger, process, first)
    again = ledger.transition(first, JobTaskState.enqueued, attempt=1, cause="temporary")
    finish(ledger, process, claimed, again)
    row = ledger.job_task(first)
    assert (row.state, row.attempt, row.published_at, row.process_id) == (
        JobTaskState.enqueued,
        2,
        None,
        None,
    )
