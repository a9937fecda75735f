"""A job task's way through a real worker process, over each broker and each database."""

from __future__ import annotations

import time

from orchestrator.domain.clock import now
from orchestrator.domain.lifecycle import Actor
from orchestrator.domain.vocabulary import JobState, JobTaskState
from orchestrator.services.recording import Transition, record
from tests.integration.backends import eventually
from tests.integration.house import House, sha256


def test_a_job_runs_to_its_end(house: House) -> None:
    """Every worker's job task succeeds, its analysis is stored, the job closes."""
    job_id = house.plant("hello", "behave", "steady")
    job = house.until_closed(job_id)
    assert job.state is JobState.done
    assert {row.state for row in house.job_tasks(job_id).values()} == {JobTaskState.success}
    found = {each.user_agent_name: each for each in house.analyses(job_id)}
    assert found["behave"].score == 10
    assert found["behave"].result["order"] == "hello"
    assert found["steady"].result == {"bytes": 5}


def test_history_tells_the_way(house: House) -> None:
    """One row per transition, with who, which attempt, how long it waited and ran."""
    job_id = house.plant("history", "behave")
    house.until_closed(job_id)
    made, began, ended = house.history(house.job_task(job_id).id)
    assert (made.source, made.target, made.actor) == (None, JobTaskState.enqueued, Actor.planner)
    assert (began.source, began.target) == (JobTaskState.enqueued, JobTaskState.executing)
    assert (ended.source, ended.target) == (JobTaskState.executing, JobTaskState.success)
    assert began.waited_ms is not None
    assert began.by == ended.by is not None
    assert ended.worker_version == "1.2"
    assert ended.ran_ms is not None


def test_a_worker_that_raises(house: House) -> None:
    """The job task fails with the exception's type and message; its siblings do not notice."""
    job_id = house.plant("raise", "behave", "steady")
    assert house.until_closed(job_id).state is JobState.done
    row = house.job_task(job_id)
    assert (row.state, row.message) == (JobTaskState.failed, "ValueError: as the sample says")
    assert house.job_task(job_id, "steady").state is JobTaskState.success


def test_a_child_killed_by_a_signal(house: House) -> None:
    """The job task fails with a message that names the signal."""
    row = house.until(house.plant("crash", "behave"), JobTaskState.failed)
    assert row.message is not None
    assert "SIGSEGV" in row.message
    assert house.history(row.id)[-1].cause == "crashed"


def test_a_sample_that_is_not_for_the_worker(house: House) -> None:
    """Success, with an analysis without findings and the worker's word for it."""
    job_id = house.plant("nothing", "behave")
    row = house.until(job_id, JobTaskState.success)
    assert row.message == "not my kind"
    assert [each.score for each in house.analyses(job_id)] == [-1]


def test_a_worker_past_its_time(house: House) -> None:
    """The job task times out by the worker's own limit."""
    row = house.until(house.plant("whatever", "hasty"), JobTaskState.timeout, "hasty")
    assert house.history(row.id)[-1].cause == "limit"


def test_a_temporary_error_is_tried_again(house: House) -> None:
    """The job task goes back to the queue as attempt 2, and succeeds when its time has come."""
    job_id = house.plant(f"temporary {time.time() + 0.1}", "behave")
    row = house.until(job_id, JobTaskState.success)
    causes = [each.cause for each in house.history(row.id)]
    assert row.attempt > 1 or "temporary" not in causes
    assert causes.count("temporary") == row.attempt - 1


def test_temporary_errors_end(house: House) -> None:
    """After the last attempt the job task fails and says how often it was tried."""
    row = house.until(house.plant(f"temporary {time.time() + 3600}", "behave"), JobTaskState.failed)
    assert row.attempt == house.settings.max_attempts
    assert row.message is not None
    assert row.message.endswith("(attempt 3 of 3)")


def test_files_and_facts(house: House) -> None:
    """Evidence, facts, the classification and the child are stored; the child gets a job of its own."""
    job_id = house.plant("files", "behave")
    house.until(job_id, JobTaskState.success)
    (analysis,) = house.analyses(job_id)
    assert analysis.has_evidence
    child = sha256("steady child")
    assert b"".join(house.application.blobs.open(child)) == b"steady child"

    def child_jobs() -> list[object]:
        with house.begin(write=False) as uow:
            statement = "SELECT id FROM job WHERE sample_sha256 = :child AND depth = 1"
            return list(uow.session.connection().exec_driver_sql(statement.replace(":child", f"'{child}'")))

    assert eventually(child_jobs)


def test_findings_that_databases_refuse(house: House) -> None:
    """NUL, half surrogates and huge integers are replaced, not lost."""
    job_id = house.plant("unstorable", "behave")
    house.until(job_id, JobTaskState.success)
    (analysis,) = house.analyses(job_id)
    assert analysis.score == 1


def test_cancelled_before_it_begins(house: House) -> None:
    """A message for a cancelled job task changes nothing."""
    job_id = house.plant("cancel me", "behave", dispatch=False)
    _cancel(house, job_id)
    house.application.dispatch([house.message(job_id)])
    after = house.plant("after the cancelled one", "behave")
    house.until(after, JobTaskState.success)
    row = house.job_task(job_id)
    assert row.state is JobTaskState.cancelled
    assert [each.target for each in house.history(row.id)][1:] == [JobTaskState.cancelled]


def test_cancelled_while_it_executes(house: House) -> None:
    """Its child is stopped within two seconds, and the worker goes on with what waited behind it."""
    began = time.monotonic()
    house.until(house.plant("how busy is this machine?", "behave"), JobTaskState.success)
    usual = time.monotonic() - began
    # a hiccup of the machine is no fault of the cancel's
    assert any(_seconds_to_stop(house, number) <= 2 + usual for number in range(3))


def _seconds_to_stop(house: House, number: int) -> float:
    job_id = house.plant(f"sleep 19 {number}", "behave")
    house.until(job_id, JobTaskState.executing)
    after = house.plant(f"after the stopped one {number}", "behave")
    began = time.monotonic()
    _cancel(house, job_id)
    house.until(after, JobTaskState.success)
    assert house.job_task(job_id).state is JobTaskState.cancelled
    return time.monotonic() - began


def test_the_same_message_twice(house: House) -> None:
    """A job task runs once, whatever the broker delivers."""
    job_id = house.plant("twice", "behave", dispatch=False)
    message = house.message(job_id)
    house.application.dispatch([message, message, message])
    row = house.until(job_id, JobTaskState.success)
    after = house.plant("after the doubled one", "behave")
    house.until(after, JobTaskState.success)
    assert [each.target for each in house.history(row.id)] == [
        JobTaskState.enqueued,
        JobTaskState.executing,
        JobTaskState.success,
    ]
    assert len(house.analyses(job_id)) == 1


def test_a_message_of_another_attempt(house: House) -> None:
    """A message for an attempt that is not the current one is refused."""
    job_id = house.plant("stale", "behave", dispatch=False)
    house.application.dispatch([house.message(job_id, attempt=7)])
    after = house.plant("after the stale one", "behave")
    house.until(after, JobTaskState.success)
    row = house.until(job_id, JobTaskState.success)
    assert row.attempt == 1


def test_a_crash_between_commit_and_publish(house: House) -> None:
    """What was committed and not published, the sweep publishes."""
    job_id = house.plant("unpublished", "behave", "steady", dispatch=False)
    assert house.until_closed(job_id).state is JobState.done


def _cancel(house: House, job_id: object) -> None:
    with house.begin() as uow:
        row = house.job_task(job_id)  # type: ignore[arg-type]
        transition = Transition(
            job_task_id=row.id, target=JobTaskState.cancelled, actor=Actor.cancel, at=now(), by="a test"
        )
        assert record(uow, [transition]).applied
        uow.commit()
