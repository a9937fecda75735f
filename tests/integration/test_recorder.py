"""The one writer of job task state, over each database."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from orchestrator.domain.clock import now
from orchestrator.domain.ids import new_id
from orchestrator.domain.lifecycle import Actor
from orchestrator.domain.transition import NewAnalysis, NewChild, NewClassification, NewEvidence
from orchestrator.domain.vocabulary import JobState, JobTaskState
from orchestrator.services.recording import Recorded, Transition, record
from orchestrator.store.tables import Analysis, Evidence, SampleLink, SampleRow, StaticFact
from tests.integration.ledger import Ledger

SHA = "a" * 64


@pytest.fixture
def ledger(tmp_path: Path, database_url: str) -> Iterator[Ledger]:
    made = Ledger(tmp_path, database_url)
    yield made
    made.close()


def test_a_claim(ledger: Ledger) -> None:
    """The first claim is applied, starts the job task and its job, and leaves a history row."""
    job_id, (task,) = ledger.job("yara")
    process = new_id()
    done = ledger.move(task, JobTaskState.executing, attempt=1, process_id=process, by="host:1")
    assert len(done.applied) == 1
    row = ledger.job_task(task)
    assert (row.state, row.process_id) == (JobTaskState.executing, process)
    assert row.start_at is not None
    assert ledger.get_job(job_id).state is JobState.executing
    (event,) = ledger.history(task)
    assert (event.source, event.target, event.attempt) == (
        JobTaskState.enqueued,
        JobTaskState.executing,
        1,
    )


def test_a_second_claim_is_refused(ledger: Ledger) -> None:
    """A duplicate delivery finds the job task taken, and changes nothing."""
    _, (task,) = ledger.job("yara")
    ledger.move(task, JobTaskState.executing, attempt=1, process_id=new_id())
    before = ledger.job_task(task)
    again = ledger.move(task, JobTaskState.executing, attempt=1, process_id=new_id())
    assert [state for _, state in again.refused] == [JobTaskState.executing]
    assert ledger.job_task(task).process_id == before.process_id
    assert len(ledger.history(task)) == 1


def test_two_claims_in_one_batch(ledger: Ledger) -> None:
    """Of two deliveries in the same batch, one is applied."""
    _, (task,) = ledger.job("yara")
    claim = ledger.transition(task, JobTaskState.executing, attempt=1)
    done = ledger.record(claim, claim)
    assert (len(done.applied), len(done.refused)) == (1, 1)


@pytest.mark.parametrize("final", [JobTaskState.success, JobTaskState.failed, JobTaskState.cancelled])
def test_final_is_final(ledger: Ledger, final: JobTaskState) -> None:
    """No transition leaves a final state."""
    _, (task,) = ledger.job("yara")
    ledger.move(task, final)
    for target in JobTaskState:
        for actor in Actor:
            assert not ledger.move(task, target, actor=actor).applied
    assert ledger.job_task(task).state is final
    assert len(ledger.history(task)) == 1


def test_a_stale_attempt_is_refused(ledger: Ledger) -> None:
    """The outcome of an attempt that was taken away does not overwrite the next one's."""
    _, (task,) = ledger.job("yara")
    ledger.move(task, JobTaskState.executing, attempt=1)
    ledger.move(task, JobTaskState.enqueued, actor=Actor.lost, attempt=1, cause="lost")
    row = ledger.job_task(task)
    assert (row.attempt, row.start_at, row.process_id, row.published_at) == (2, None, None, None)
    assert ledger.move(task, JobTaskState.success, attempt=1).refused
    assert ledger.move(task, JobTaskState.executing, attempt=1).refused
    assert ledger.move(task, JobTaskState.executing, attempt=2).applied
    assert ledger.move(task, JobTaskState.success, attempt=1).refused
    assert ledger.move(task, JobTaskState.success, attempt=2).applied
    finals = [event for event in ledger.history(task) if event.target is JobTaskState.success]
    assert [event.attempt for event in finals] == [2]


def test_a_retry_waits(ledger: Ledger) -> None:
    """The next attempt is due when the transition says so."""
    _, (task,) = ledger.job("yara")
    due = now() + timedelta(minutes=5)
    ledger.move(task, JobTaskState.executing, attempt=1)
    ledger.move(task, JobTaskState.enqueued, attempt=1, cause="temporary", message="later", due_at=due)
    row = ledger.job_task(task)
    assert (row.due_at, row.message) == (due, "later")


def test_an_unknown_job_task(ledger: Ledger) -> None:
    """A job task that does not exist is refused, without a state; the rest of the batch is applied."""
    _, (task,) = ledger.job("yara")
    done = ledger.record(
        ledger.transition(uuid4(), JobTaskState.executing), ledger.transition(task, JobTaskState.executing)
    )
    assert [state for _, state in done.refused] == [None]
    assert [each.job_task_id for each in done.applied] == [task]


def test_the_last_job_task_closes_the_job(ledger: Ledger) -> None:
    """The job is done when no job task is open, and not before."""
    job_id, (first, second) = ledger.job("yara", "pe")
    assert ledger.move(first, JobTaskState.success).closed_jobs == []
    assert ledger.get_job(job_id).state is JobState.executing
    assert ledger.move(second, JobTaskState.failed).closed_jobs == [job_id]
    job = ledger.get_job(job_id)
    assert job.state is JobState.done
    assert job.end_at is not None


def test_a_job_past_its_deadline(ledger: Ledger) -> None:
    """It closes as timed out if one of its job tasks did."""
    job_id, (first, second) = ledger.job("yara", "pe", deadline=timedelta(seconds=-1))
    ledger.move(first, JobTaskState.success)
    ledger.move(second, JobTaskState.timeout, actor=Actor.deadline)
    assert ledger.get_job(job_id).state is JobState.timeout


def test_one_slow_worker_does_not_time_the_job_out(ledger: Ledger) -> None:
    """A job task past its own limit leaves the job done, as long as the job's deadline is ahead."""
    job_id, (first, second) = ledger.job("yara", "pe")
    ledger.move(first, JobTaskState.success)
    ledger.move(second, JobTaskState.timeout)
    assert ledger.get_job(job_id).state is JobState.done


def test_a_batch_over_many_jobs(ledger: Ledger) -> None:
    """Outcomes and claims of many jobs go through in one call."""
    jobs = [ledger.job("a", "b") for _ in range(20)]
    ledger.record(*(ledger.transition(task, JobTaskState.executing) for _, tasks in jobs for task in tasks))
    done = ledger.record(
        *(ledger.transition(task, JobTaskState.success) for _, tasks in jobs for task in tasks)
    )
    assert len(done.applied) == 40
    assert sorted(done.closed_jobs) == sorted(job_id for job_id, _ in jobs)


def test_findings_are_stored_once(ledger: Ledger) -> None:
    """Analysis, evidence, facts, child and link come with the transition, and never twice."""
    ledger.classifier("filetype")
    job_id, (task,) = ledger.job("filetype")
    found = NewAnalysis(
        user_agent_name="filetype",
        user_agent_version="1",
        score=42,
        result={"a": 1},
        detections=[{"name": "EvilThing", "assessment": "malicious"}],
        evidence=[NewEvidence(file_name="e", mime_type="text/plain", size=1, checksum="e" * 64)],
        children=[NewChild(sha256="c" * 64, sha512="c" * 128, sha1="c" * 40, md5="c" * 32, size=1)],
        facts=[("key", "value"), ("key", "value")],
        classification=NewClassification(type="pe", super_type="executable"),
    )
    ledger.move(task, JobTaskState.success, findings=found)
    assert ledger.move(task, JobTaskState.success, findings=found).refused
    with ledger.begin(write=False) as uow:
        (analysis,) = uow.session.query(Analysis).all()
        assert (analysis.job_id, analysis.recorded_for, analysis.score) == (job_id, task, 42)
        assert "evilthing" in analysis.search
        assert uow.session.query(Evidence).one().analysis_id == analysis.id
        assert uow.session.query(StaticFact).one().value == "value"
        assert uow.session.query(SampleLink).one().reference == "c" * 64
        assert uow.session.get_one(SampleRow, SHA).latest_classification_id is not None


def test_a_message_only(ledger: Ledger) -> None:
    """A client may change the message of what executes; saying none keeps the old one."""
    _, (task,) = ledger.job("yara")
    ledger.move(task, JobTaskState.executing, actor=Actor.client, message="half")
    ledger.move(task, JobTaskState.executing, actor=Actor.client)
    row = ledger.job_task(task)
    assert (row.state, row.message) == (JobTaskState.executing, "half")


def test_clocks_that_step_back(ledger: Ledger) -> None:
    """Times never run backwards, and no duration is negative."""
    _, (task,) = ledger.job("yara")
    ledger.move(task, JobTaskState.executing, at=now() - timedelta(hours=2))
    ledger.move(task, JobTaskState.success, at=now() - timedelta(hours=4))
    row = ledger.job_task(task)
    assert row.start_at is not None
    assert row.end_at is not None
    assert row.end_at >= row.start_at
    assert all((event.waited_ms or 0) >= 0 and (event.ran_ms or 0) >= 0 for event in ledger.history(task))


def test_writers_at_the_same_time(ledger: Ledger) -> None:
    """Processes that end a job's job tasks at the same time close it exactly once, and never deadlock."""
    jobs = [ledger.job(*(f"w{number}" for number in range(6))) for _ in range(8)]
    closed: list[UUID] = []
    errors: list[BaseException] = []
    barrier = threading.Barrier(3)

    def write(offset: int) -> None:
        try:
            barrier.wait()
            for step in range(2):
                mine = [tasks[offset + 3 * step] for _, tasks in jobs]
                done: Recorded = ledger.record(
                    *(ledger.transition(task, JobTaskState.success) for task in reversed(mine))
                )
                closed.extend(done.closed_jobs)
        except Exception as error:  # noqa: BLE001 - whatever it is, the test is to show it
            errors.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert sorted(closed) == sorted(job_id for job_id, _ in jobs)


def test_nothing_to_do(ledger: Ledger) -> None:
    """An empty batch is fine."""
    with ledger.begin() as uow:
        assert record(uow, []) == Recorded()


def test_transition_is_re_exported() -> None:
    """Callers import it from beside ``record``."""
    assert Transition.__module__ == "orchestrator.domain.transition"
