"""The sweep, over each database: every step does what it says, and leaves alone what is well."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import update

from orchestrator.domain.clock import now
from orchestrator.domain.ids import new_id
from orchestrator.domain.lifecycle import Actor
from orchestrator.domain.messages import JobTaskMessage
from orchestrator.domain.vocabulary import JobState, JobTaskState, StatusOverride, Tlp
from orchestrator.services import access, watching
from orchestrator.services.sweeping import SweepReport, sweep_once
from orchestrator.services.watching import Watch
from orchestrator.store.tables import Challenge, JobTask, SampleRow, Submission, Verdict, WorkerProcess
from tests.integration.ledger import SHA, Ledger

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


@pytest.fixture
def ledger(tmp_path: Path, database_url: str) -> Iterator[Ledger]:
    made = Ledger(tmp_path, database_url)
    yield made
    made.close()


def sweep(ledger: Ledger, **options: Any) -> SweepReport:
    return sweep_once(ledger.begin, ledger.dispatch, ledger.settings, **options)


def change(ledger: Ledger, job_task_id: UUID, **values: Any) -> None:
    with ledger.begin() as uow:
        uow.session.execute(update(JobTask).where(JobTask.id == job_task_id).values(**values))
        uow.commit()


def test_nothing_to_do(ledger: Ledger) -> None:
    """A healthy store is left as it is."""
    ledger.process("yara")
    ledger.job("yara", age=timedelta(seconds=10))
    assert sweep(ledger).total == 0
    assert ledger.sent == []


def test_what_was_never_published(ledger: Ledger) -> None:
    """It is published, unless it is so young that its publisher may still be at it."""
    ledger.process("yara")
    _, (old,) = ledger.job("yara", age=MINUTE, published=False)
    ledger.job("yara", published=False)
    assert sweep(ledger).published == 1
    assert ledger.sent == [JobTaskMessage(old, "yara", 1, 5)]


def test_external_analyzers_get_no_message(ledger: Ledger) -> None:
    """A job task that an analyzer drives over the API is never published."""
    ledger.job("elsewhere", age=HOUR, published=False, celery=False)
    sweep(ledger)
    assert ledger.sent == []


def test_a_retry_that_is_due(ledger: Ledger) -> None:
    """It is published when its backoff has passed, and not before."""
    ledger.process("yara")
    _, (ready, later) = ledger.job("yara", "pe")
    for task, due in ((ready, now() - timedelta(seconds=1)), (later, now() + MINUTE)):
        ledger.move(task, JobTaskState.executing, attempt=1)
        ledger.move(task, JobTaskState.enqueued, attempt=1, due_at=due)
    sweep(ledger)
    assert [(each.id, each.attempt) for each in ledger.sent] == [(ready, 2)]


@pytest.mark.parametrize("column", ["due_at", "published_at"])
def test_a_clock_that_stepped_back(ledger: Ledger, column: str) -> None:
    """A moment that lies far ahead was written under another clock: it holds nothing up."""
    ledger.process("yara")
    _, (task,) = ledger.job("yara", published=column == "published_at")
    change(ledger, task, **{column: now() + 10 * MINUTE})
    sweep(ledger)
    assert [each.id for each in ledger.sent] == [task]


def test_a_message_without_answer(ledger: Ledger) -> None:
    """A job task that still waits long after its message was sent gets another one."""
    ledger.process("yara")
    _, (task,) = ledger.job("yara", age=HOUR)
    assert sweep(ledger).republished == 1
    assert [each.id for each in ledger.sent] == [task]


def test_a_queue_that_lost_its_messages(ledger: Ledger) -> None:
    """Where the broker holds nothing for a worker that has job tasks waiting, they are sent again at once."""
    ledger.process("yara", "pe")
    _, (lost, _) = ledger.job("yara", "pe", age=MINUTE)
    report = sweep(ledger, depth={"yara": 0, "pe": 1}.get)
    assert report.republished == 1
    assert [each.id for each in ledger.sent] == [lost]


def test_messages_that_a_process_holds_are_not_lost(ledger: Ledger) -> None:
    """An empty queue proves nothing while a live process has messages of it in hand."""
    process = ledger.process("yara")
    ledger.job("yara", age=MINUTE)
    with ledger.begin() as uow:
        uow.session.get_one(WorkerProcess, process.id).holding = {"yara": 1}
        uow.commit()
    assert sweep(ledger, depth=lambda _: 0).republished == 0


def test_a_process_that_has_not_spoken_since_may_hold_them(ledger: Ledger) -> None:
    """What it took from the queue after its last heartbeat, it tells with the next."""
    process = ledger.process("yara")
    other = ledger.process("yara")
    ledger.job("yara", age=MINUTE)
    watch = Watch(lease=60)

    def speak(key: UUID, holding: int) -> None:
        with ledger.begin() as uow:
            row = uow.session.get_one(WorkerProcess, key)
            row.seen_at, row.holding = row.seen_at + timedelta(seconds=2), {"yara": holding}
            uow.commit()

    def republished() -> int:
        return sweep(ledger, watch=watch, depth=lambda _: 0).republished

    assert republished() == 0
    speak(process.id, 0)
    assert republished() == 0, "the other process has not spoken yet"
    speak(other.id, 1)
    assert republished() == 0, "the other process holds it"
    speak(other.id, 0)
    assert republished() == 0, "each is asked anew"
    speak(process.id, 0)
    speak(other.id, 0)
    assert republished() == 1


def test_a_lost_worker(ledger: Ledger) -> None:
    """What a process was executing whose lease ran out goes back to the queue as the next attempt."""
    gone, live = ledger.process("a", seen=HOUR), ledger.process("a", "b")
    job_id, (lost, kept) = ledger.job("a", "b")
    ledger.move(lost, JobTaskState.executing, attempt=1, process_id=gone.id)
    ledger.move(kept, JobTaskState.executing, attempt=1, process_id=live.id)
    assert sweep(ledger).lost == 1
    row = ledger.job_task(lost)
    assert (row.state, row.attempt) == (JobTaskState.enqueued, 2)
    assert row.message == "its worker process host:4711 was lost in attempt 1"
    event = ledger.history(lost)[-1]
    assert (event.actor, event.cause, event.host) == (Actor.lost, "lost", "host")
    assert event.worker_version is not None
    assert event.ran_ms is not None
    assert ledger.job_task(kept).state is JobTaskState.executing
    assert ledger.get_job(job_id).state is JobState.executing


def test_a_process_that_ended(ledger: Ledger) -> None:
    """One that gave its lease back and left something executing is not waited for."""
    gone = ledger.process("yara", stopped=True)
    _, (task,) = ledger.job("yara")
    ledger.move(task, JobTaskState.executing, attempt=1, process_id=gone.id)
    assert sweep(ledger).lost == 1


def test_a_sample_that_kills_its_worker_again_and_again(ledger: Ledger) -> None:
    """After the last attempt it is set aside: failed, with a message that says so; its job goes on."""
    job_id, (deadly, harmless) = ledger.job("a", "b")
    for attempt in (1, 2, 3):
        gone = ledger.process("a", seen=HOUR)
        ledger.move(deadly, JobTaskState.executing, attempt=attempt, process_id=gone.id)
        sweep(ledger)
    row = ledger.job_task(deadly)
    assert row.state is JobTaskState.failed
    assert row.message is not None
    assert row.message.startswith("set aside after 3 attempts")
    ledger.move(harmless, JobTaskState.success)
    assert ledger.get_job(job_id).state is JobState.done


def test_an_external_analyzer_is_not_lost(ledger: Ledger) -> None:
    """What executes without a process of ours is left to its deadline."""
    _, (task,) = ledger.job("elsewhere", celery=False)
    ledger.move(task, JobTaskState.executing, actor=Actor.client)
    sweep(ledger)
    assert ledger.job_task(task).state is JobTaskState.executing


def test_a_watch_ignores_wall_clocks(ledger: Ledger) -> None:
    """A heartbeat that looks old is no loss as long as it moves; one that stands still is."""
    process = ledger.process("yara", seen=HOUR)
    _, (task,) = ledger.job("yara")
    ledger.move(task, JobTaskState.executing, attempt=1, process_id=process.id)
    assert sweep(ledger, watch=Watch(lease=60)).lost == 0
    assert sweep(ledger, watch=Watch(lease=0)).lost == 1


def test_a_watch_follows_heartbeats() -> None:
    """Each heartbeat begins the lease anew."""
    watch = Watch(lease=0.05)
    row = WorkerProcess(id=new_id(), seen_at=now(), stopped_at=None)
    assert watch.lost([row]) == set()
    threading.Event().wait(0.1)
    assert watch.lost([row]) == {row.id}
    row.seen_at = row.seen_at + timedelta(seconds=1)
    assert watch.lost([row]) == set()


def test_a_clock_that_stepped_ahead(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Live work is not late because a clock was set; what passes its deadline by any clock still is."""
    watch = Watch(lease=60, settling=3600)
    _, (live,) = ledger.job("a")
    sweep(ledger, watch=watch)
    monkeypatch.setattr(watching, "now", lambda: now() + 2 * HOUR)
    _, (late,) = ledger.job("b", deadline=-timedelta(seconds=1))
    assert sweep(ledger, watch=watch).timed_out == 1
    assert ledger.job_task(live).state is JobTaskState.enqueued
    assert ledger.job_task(late).state is JobTaskState.timeout


def test_a_stepped_clock_is_believed_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once whatever was made before the step has had its time; one that goes back is believed at once."""
    watch = Watch(lease=60, settling=0.05)
    watch.present()
    monkeypatch.setattr(watching, "now", lambda: now() + HOUR)
    assert watch.present() < now() + MINUTE
    threading.Event().wait(0.1)
    assert watch.present() > now() + 50 * MINUTE
    monkeypatch.setattr(watching, "now", lambda: now() - HOUR)
    assert watch.present() < now() - 50 * MINUTE


@pytest.mark.parametrize("begun", [True, False])
def test_a_deadline(ledger: Ledger, begun: bool) -> None:
    """Open job tasks past it time out, their job with them."""
    job_id, (task, over) = ledger.job("a", "b", deadline=-timedelta(seconds=1))
    ledger.move(over, JobTaskState.success)
    if begun:
        ledger.move(task, JobTaskState.executing, attempt=1)
    assert sweep(ledger).timed_out == 1
    row = ledger.job_task(task)
    assert row.state is JobTaskState.timeout
    assert row.message == f"its deadline passed while it {'executed' if begun else 'waited'}"
    assert ledger.job_task(over).state is JobTaskState.success
    assert ledger.get_job(job_id).state is JobState.timeout


def test_a_job_whose_deadline_is_moved_up(ledger: Ledger) -> None:
    """The job's deadline counts for its job tasks, whatever theirs says."""
    job_id, (task,) = ledger.job("a", deadline=-timedelta(seconds=1))
    change(ledger, task, deadline_at=now() + HOUR)
    assert sweep(ledger).timed_out == 1
    assert ledger.get_job(job_id).state is JobState.timeout


def test_a_job_without_job_tasks(ledger: Ledger) -> None:
    """It stays open, for a client may add some, until its deadline."""
    waiting, _ = ledger.job(age=HOUR)
    late, _ = ledger.job(deadline=-timedelta(seconds=1))
    assert sweep(ledger).closed == 1
    assert ledger.get_job(waiting).state is JobState.enqueued
    assert ledger.get_job(late).state is JobState.done


def test_a_job_that_was_not_closed(ledger: Ledger) -> None:
    """A job whose job tasks are all final is closed, should nobody have done so."""
    job_id, (task,) = ledger.job("a", age=HOUR)
    change(ledger, task, state=JobTaskState.success)
    assert sweep(ledger).closed == 1
    assert ledger.get_job(job_id).state is JobState.done


def test_nobody_serves_the_worker(ledger: Ledger) -> None:
    """The job task says so while it waits, and no longer once somebody does."""
    _, (task,) = ledger.job("yara")
    assert sweep(ledger).unserved == 1
    assert ledger.job_task(task).message == "no live worker serves yara"
    assert sweep(ledger).unserved == 0
    ledger.process("yara")
    sweep(ledger)
    row = ledger.job_task(task)
    assert (row.message, row.state) == (None, JobTaskState.enqueued)


def test_other_messages_stay(ledger: Ledger) -> None:
    """What a retry says of its reason stays while it waits for its turn."""
    ledger.process("yara")
    _, (task,) = ledger.job("yara")
    ledger.move(task, JobTaskState.executing, attempt=1)
    ledger.move(task, JobTaskState.enqueued, attempt=1, message="too busy")
    sweep(ledger)
    assert ledger.job_task(task).message == "too busy"


def test_old_processes_are_forgotten(ledger: Ledger) -> None:
    """Rows of processes that ended long ago go; those of live ones stay."""
    ledger.process("a", seen=timedelta(days=2))
    live = ledger.process("b")
    sweep(ledger)
    with ledger.begin(write=False) as uow:
        assert [row.id for row in uow.session.query(WorkerProcess)] == [live.id]


def test_old_challenges_are_forgotten(ledger: Ledger) -> None:
    """Challenges that ran out long ago go."""
    with ledger.begin() as uow:
        user = access.service_user(uow)
        for age in (timedelta(days=3), timedelta(0)):
            row = Challenge(
                id=new_id(),
                sample_sha256=SHA,
                user_id=user.id,
                answer="0" * 64,
                offset=0,
                length=1,
                expires_at=now() - age,
            )
            uow.session.add(row)
        uow.commit()
    assert sweep(ledger).expired == 1


@pytest.mark.parametrize(
    ("score", "override", "stays"),
    [
        (None, None, False),
        (10, None, False),
        (90, None, True),
        (100, StatusOverride.malicious, True),
    ],
)
def test_retention(ledger: Ledger, score: int | None, override: StatusOverride | None, stays: bool) -> None:
    """A submission past its retention goes, unless its sample is malicious."""
    expired = submission(ledger, now() - MINUTE)
    kept = [submission(ledger, now() + HOUR), submission(ledger, None)]
    if score is not None:
        with ledger.begin() as uow:
            verdict = Verdict(
                id=new_id(), sample_sha256=SHA, score=score, status_override=override, created_at=now()
            )
            uow.session.add(verdict)
            uow.session.get_one(SampleRow, SHA).latest_verdict_id = verdict.id
            uow.commit()
    sweep(ledger)
    with ledger.begin(write=False) as uow:
        left = {row.id for row in uow.session.query(Submission)}
    assert left == {*kept, *([expired] if stays else [])}


def test_two_sweeps_at_once(ledger: Ledger) -> None:
    """Each job task is moved once, whoever gets there first."""
    gone = ledger.process("a", seen=HOUR)
    tasks = []
    for _ in range(10):
        _, (lost, late) = ledger.job("a", "b")
        ledger.move(lost, JobTaskState.executing, attempt=1, process_id=gone.id)
        change(ledger, late, deadline_at=now() - MINUTE)
        tasks.append((lost, late))
    reports: list[SweepReport] = []
    barrier = threading.Barrier(3)

    def run() -> None:
        barrier.wait()
        reports.append(sweep(ledger))

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(reports) == 3
    assert sum(report.lost for report in reports) == 10
    assert sum(report.timed_out for report in reports) == 10
    for lost, late in tasks:
        assert ledger.job_task(lost).attempt == 2
        assert [event.target for event in ledger.history(late)] == [JobTaskState.timeout]


def submission(ledger: Ledger, expiry: datetime | None) -> UUID:
    with ledger.begin() as uow:
        row = Submission(
            id=new_id(),
            sample_sha256=SHA,
            customer_id=ledger.customer_id,
            user_id=access.service_user(uow).id,
            file_name="f",
            mime_type="text/plain",
            tlp=Tlp.green,
            user_agent_name="tests",
            user_agent_version="1",
            observed_at=now(),
            submitted_at=now(),
            expiry_at=expiry,
        )
        uow.session.add(row)
        uow.commit()
        return row.id
