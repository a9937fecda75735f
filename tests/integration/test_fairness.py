"""A flood of one customer's does not stand before another's work; live work goes before bulk work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from orchestrator.domain.messages import JobTaskMessage
from orchestrator.domain.vocabulary import JobTaskState
from orchestrator.services import access, executing, fairness, planning
from orchestrator.services.fairness import Lane, Turns
from orchestrator.services.sweeping import sweep_once
from orchestrator.store.tables import JobTask, SampleRow
from orchestrator.worker import AnalysisWorker, Findings
from tests.conftest import missing
from tests.integration.api import TestDatabase
from tests.integration.backends import broker
from tests.integration.house import House
from tests.integration.ledger import SHA, Ledger

WINDOW = 8


@pytest.fixture
def ledger(tmp_path: Path, database_url: str) -> Iterator[Ledger]:
    made = Ledger(tmp_path, database_url)
    with made.begin() as uow:
        executing.announce(uow, [AnalysisWorker("yara", "1", lambda _: Findings())])
    yield made
    made.close()


def customer(place: Ledger | House, name: str) -> int:
    with place.begin() as uow:
        found = access.ensure_customer(uow, name)
        uow.commit()
        return found.id


def plan(
    place: Ledger | House, number: int, customer_id: int, window: int = WINDOW, sha256: str = SHA, **wish: Any
) -> planning.Plans:
    with place.begin() as uow:
        uow.memory.window = window
        uow.memory.forget()
        sample = uow.session.get_one(SampleRow, sha256)
        wanted = planning.Wish(customer_id=customer_id, **wish)
        plans = planning.plan_all(uow, place.settings, [(sample, wanted)] * number)
        uow.commit()
    return plans


def released(ledger: Ledger, turns: Turns) -> list[JobTaskMessage]:
    with ledger.begin() as uow:
        messages, _ = fairness.release(uow, turns)
        uow.commit()
    return messages


def owners(ledger: Ledger, messages: list[JobTaskMessage]) -> Counter[int]:
    """Whose job tasks these are."""
    with ledger.begin(write=False) as uow:
        rows = uow.session.execute(
            select(JobTask.id, planning.store.Job.customer_id).join(
                planning.store.Job, planning.store.Job.id == JobTask.job_id
            )
        )
        whose = {row.id: row.customer_id for row in rows}
    return Counter(whose[each.id] for each in messages)


def begin_all(ledger: Ledger, messages: Any) -> None:
    """Let the job tasks of these messages execute, so that the broker has room again."""
    ledger.record(
        *(ledger.transition(each.id, JobTaskState.executing, attempt=each.attempt) for each in messages)
    )


def test_what_is_over_a_window_waits_in_the_store(ledger: Ledger) -> None:
    """It is not sent, nor taken by the sweep for something that a crash left behind."""
    plans = plan(ledger, 20, ledger.customer_id)
    assert len(plans.messages) == WINDOW
    with ledger.begin() as uow:
        uow.session.execute(update(JobTask).values(due_at=JobTask.due_at - 60_000))
        uow.commit()
    ledger.process("yara")
    sweep_once(ledger.begin, ledger.dispatch, ledger.settings)
    assert {each.id for each in ledger.sent} <= {each.id for each in plans.messages}


def test_nothing_is_held_back_without_a_window(ledger: Ledger) -> None:
    assert len(plan(ledger, 20, ledger.customer_id, window=0).messages) == 20


def test_customers_take_turns(ledger: Ledger) -> None:
    """Whoever came last with little is served in the next round, and the rest is shared evenly."""
    flood, single, some = (customer(ledger, name) for name in ("flood", "single", "some"))
    first = plan(ledger, 50, flood).messages
    assert plan(ledger, 1, single).messages == []
    assert plan(ledger, 4, some).messages == []
    turns = Turns()
    assert released(ledger, turns) == [], "there is no room yet"
    begin_all(ledger, first[:3])
    assert owners(ledger, released(ledger, turns)) == {flood: 1, single: 1, some: 1}
    begin_all(ledger, first[3:])
    assert owners(ledger, released(ledger, turns)) == {flood: 3, some: 2}
    for _ in range(20):
        ledger.sent.clear()
        with ledger.begin(write=False) as uow:
            waiting = uow.session.execute(
                select(JobTask.id, JobTask.attempt).where(
                    JobTask.state == JobTaskState.enqueued, JobTask.published_at.is_not(None)
                )
            ).all()
        begin_all(ledger, waiting)
        released(ledger, turns)
    with ledger.begin(write=False) as uow:
        left = select(func.count()).select_from(JobTask).where(JobTask.lane.is_not(None))
        assert uow.session.scalar(left) == 0


def test_live_work_goes_before_bulk_work(ledger: Ledger) -> None:
    """Bulk work is sent once little live work waits, in a window of its own."""
    turns = Turns()
    live = plan(ledger, WINDOW, ledger.customer_id).messages
    assert len(live) == WINDOW
    assert plan(ledger, 30, ledger.customer_id, priority=planning.BULK).messages == []
    assert released(ledger, turns) == []
    begin_all(ledger, live)
    bulk = released(ledger, turns)
    assert [each.priority for each in bulk] == [planning.BULK] * WINDOW
    assert len(plan(ledger, 2, ledger.customer_id).messages) == 2, "bulk work is in nobody's way"


def test_what_is_called_off_is_not_released(ledger: Ledger) -> None:
    plans = plan(ledger, WINDOW + 5, ledger.customer_id)
    sent = {each.id for each in plans.messages}
    with ledger.begin(write=False) as uow:
        held = [key for key in uow.session.scalars(select(JobTask.id)) if key not in sent]
    ledger.record(*(ledger.transition(key, JobTaskState.cancelled) for key in held[:4]))
    begin_all(ledger, plans.messages)
    assert [each.id for each in released(ledger, Turns())] == held[4:]


def test_a_share_goes_to_the_most_urgent_and_to_whoever_waited_longest() -> None:
    turns = Turns()
    lanes = [Lane("w", 5, number) for number in range(3)]
    below = Lane("w", 4, 9)
    assert turns.share([below, *lanes], 2) == {lanes[0]: 1, lanes[1]: 1}
    assert turns.share([below, *lanes], 2) == {lanes[2]: 1, lanes[0]: 1}
    assert turns.share([below], 7) == {below: 7}
    assert turns.share(lanes, 0) == {}
    assert Lane.parse(str(Lane("a/b:c", 5, 77))) == Lane("a/b:c", 5, 77)


@pytest.mark.parametrize("kind", ["valkey", "redis", "rabbitmq"])
def test_a_flood_delays_another_customers_single_sample_by_little(kind: str, tmp_path: Path) -> None:
    """With a real worker: it is done long before the flood is, after a bounded number of the flood's."""
    flood, window = 600, 20
    database = None if kind == "valkey" else TestDatabase()
    with broker(kind, missing) as url:
        place = House(tmp_path, database.url if database else "", url, queue_window=window)
        try:
            first = place.plant("steady", "steady", dispatch=False)
            sample = place.job(first).sample_sha256
            wish: dict[str, Any] = {"window": window, "sha256": sample, "workers": ["steady"]}
            sent = plan(place, flood, customer(place, "flood"), **wish).messages
            assert len(sent) < window + 1
            plans = plan(place, 1, customer(place, "single"), **wish)
            place.application.dispatch(sent)
            place.sweep()
            place.worker(["steady"])
            row = place.until(plans.jobs[0].id, JobTaskState.success, "steady")
            with place.begin(write=False) as uow:
                before = select(func.count()).select_from(JobTask).where(JobTask.end_at < row.end_at)
                # a window, what the worker has in hand, and what is released meanwhile
                assert (uow.session.scalar(before) or 0) <= 10 * window
        finally:
            place.close()
            if database:
                database.drop()
