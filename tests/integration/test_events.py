"""The events of jobs and job tasks: in order, complete, and only what one may see."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from orchestrator.api import feed as feeding
from orchestrator.api.feed import Feed
from orchestrator.api.listening import Listener
from orchestrator.domain.caller import Caller
from orchestrator.domain.clock import now
from orchestrator.domain.events import Event, Interest, Position
from orchestrator.domain.lifecycle import Actor
from orchestrator.domain.vocabulary import JobTaskState, Role
from orchestrator.errors import Unauthenticated, Unavailable
from orchestrator.services import access, events
from orchestrator.services.events import Tail, described
from orchestrator.store.tables import JobTaskEvent
from tests.integration.api import Api


def a_job(api: Api, *workers: str, **options: Any) -> tuple[str, list[str]]:
    """A job with an enqueued job task for each of the workers."""
    job = api.job_of(api.submit(**options))["id"]
    made = [api.post(f"/job/{job}/task", {"worker": name}, role=Role.administrator) for name in workers]
    return job, [each.json()["data"]["id"] for each in made]


def move(api: Api, job: str, job_task: str, state: str) -> None:
    answer = api.put(f"/job/{job}/task/{job_task}", {"state": state}, role=Role.administrator)
    assert answer.status_code == 200, answer.text


def caller(api: Api, key: str) -> Caller:
    with api.begin(write=False) as uow:
        return access.authenticate(uow, key)


def listener(api: Api, feed: Feed, key: str = "", after: str | None = None, **interest: Any) -> Listener:
    who = caller(api, key or api.keys[Role.viewer])
    position = None if after is None else Position.parse(after)
    return Listener(api.begin, feed, who, Interest(**interest), lambda: who, position)


async def collect(listening: Listener, count: int) -> list[Event]:
    """The first events; one more may not be there."""
    found: list[Event] = []
    stream = listening.events()
    async with asyncio.timeout(120):
        while len(found) < count:
            found.append(await anext(stream))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            found.append(await anext(stream))
    await stream.aclose()
    return found


def told(found: list[Event]) -> list[tuple[str, str, str]]:
    return [(str(each.position), each.name, each.change.worker) for each in found]


def test_a_stream_tells_what_happens_and_is_resumed_where_it_ended(api: Api) -> None:
    job, (first, second) = a_job(api, "peel", "pip")
    for job_task in (first, second):
        move(api, job, job_task, "executing")
        move(api, job, job_task, "success")
    everything = asyncio.run(collect(listener(api, Feed(api.begin), after="0"), 7))
    assert [each.name for each in everything] == [
        *["job_task.enqueued"] * 2,
        *["job_task.executing", "job_task.success"] * 2,
        "job.done",
    ]
    assert [each.position for each in everything] == sorted(each.position for each in everything)
    assert str(everything[-1].position) == f"{everything[-2].position}.1"
    for place, each in enumerate(everything):
        rest = everything[place + 1 :]
        again = asyncio.run(collect(listener(api, Feed(api.begin), after=str(each.position)), len(rest)))
        assert told(again) == told(rest)
    shown = described(everything[3])
    assert (shown["event"], shown["job"], shown["jobTask"]) == ("job_task.success", job, first)
    assert (shown["source"], shown["target"], shown["jobState"]) == ("executing", "success", "done")


def test_filters_narrow_a_stream(api: Api) -> None:
    job, (one, two) = a_job(api, "peel", "pip", content=b"first")
    other, (three,) = a_job(api, "peel", content=b"second")
    for place, job_task in ((job, one), (job, two), (other, three)):
        move(api, place, job_task, "failed")
    sample = api.get(f"/job/{other}").json()["data"]["analysedSample"]["id"]
    cases: list[tuple[dict[str, Any], list[str]]] = [
        ({"jobs": {UUID(other)}}, ["job_task.enqueued", "job_task.failed", "job.done"]),
        ({"samples": {sample}, "states": {"done", "failed"}}, ["job_task.failed", "job.done"]),
        ({"workers": {"pip"}}, ["job_task.enqueued", "job_task.failed"]),
        ({"states": {"done"}}, ["job.done", "job.done"]),
    ]
    for interest, names in cases:
        chosen = {name: frozenset(values) for name, values in interest.items()}
        found = asyncio.run(collect(listener(api, Feed(api.begin), after="0", **chosen), len(names)))
        assert [each.name for each in found] == names, interest


def test_nobody_hears_of_another_customers_jobs_unless_they_are_shared(api: Api) -> None:
    stranger = api.key(Role.user, "other")
    job, (job_task,) = a_job(api, "peel")
    shared = api.submit(b"shared", acl=["other-user"])
    again = api.job_of(shared)["id"]
    row = api.post(f"/job/{again}/task", {"worker": "pip"}, role=Role.administrator).json()["data"]["id"]

    async def scene() -> list[Event]:
        feed = Feed(api.begin)
        live = asyncio.create_task(collect(listener(api, feed, stranger), 2))
        while not feed.follows:  # noqa: ASYNC110 - the feed's own state
            await asyncio.sleep(0.01)
        for place, each in ((job, job_task), (again, row)):
            await asyncio.to_thread(move, api, place, each, "success")
        return await live

    for found in (
        asyncio.run(scene()),
        asyncio.run(collect(listener(api, Feed(api.begin), stranger, "0"), 3))[1:],
    ):
        assert [(each.name, each.change.worker) for each in found] == [
            ("job_task.success", "pip"),
            ("job.done", "pip"),
        ]


def test_many_listeners_are_one_poller_and_their_number_is_bounded(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeding, "LISTENERS", 3)
    made: list[Tail] = []

    class Counted(Tail):
        def __init__(self, *arguments: Any) -> None:
            made.append(self)
            super().__init__(*arguments)

    monkeypatch.setattr(feeding, "Tail", Counted)
    job, (job_task,) = a_job(api, "peel")

    async def scene() -> None:
        feed = Feed(api.begin)
        live = [asyncio.create_task(collect(listener(api, feed), 2)) for _ in range(3)]
        while feed.listens < 3 or not feed.follows:  # noqa: ASYNC110 - the feed's own state
            await asyncio.sleep(0.01)
        with pytest.raises(Unavailable):
            await anext(listener(api, feed).events())
        await asyncio.to_thread(move, api, job, job_task, "success")
        assert {tuple(told(each)) for each in await asyncio.gather(*live)} == {tuple(told(live[0].result()))}
        assert not feed.follows

    asyncio.run(scene())
    assert len(made) == 1


def test_a_listener_that_fell_far_behind_reads_the_store(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeding, "KEPT", 2)
    monkeypatch.setattr(events, "PAGE", 3)
    job, rows = a_job(api, *"abcdefgh")
    for row in rows:
        move(api, job, row, "success")
    found = asyncio.run(collect(listener(api, Feed(api.begin), after="0"), 17))
    assert [each.name for each in found][-2:] == ["job_task.success", "job.done"]
    assert len({each.position for each in found}) == 17


def test_a_revoked_key_hears_no_more(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.api.listening.RENEWAL", 0.05)
    key = api.key(Role.viewer, "other")
    listening = listener(api, Feed(api.begin), key)
    listening.renew = lambda: caller(api, key)
    with api.begin() as uow:
        access.revoke_key(uow, "other-viewer")

    async def scene() -> None:
        async with asyncio.timeout(120):
            await anext(listening.events())

    with pytest.raises(Unauthenticated):
        asyncio.run(scene())


def insert(session: Session, job_task: UUID) -> int:
    row = JobTaskEvent(
        job_task_id=job_task,
        attempt=1,
        source=JobTaskState.executing,
        target=JobTaskState.executing,
        at=now(),
        actor=Actor.client,
    )
    session.add(row)
    session.flush()
    return row.id


@pytest.mark.parametrize("commit", [True, False])
def test_a_lower_number_that_commits_later_is_waited_for(
    postgresql: str, tmp_path: Any, commit: bool
) -> None:
    api = Api(tmp_path, postgresql)
    try:
        _, (job_task,) = a_job(api, "peel")
        tail = Tail(api.begin)
        with Session(api.engine) as slow:
            low = insert(slow, UUID(job_task))
            with Session(api.engine) as quick:
                high = insert(quick, UUID(job_task))
                quick.commit()
            assert high > low
            assert [tail.read(), tail.read()] == [[], []]
            (slow.commit if commit else slow.rollback)()
        found = [change.number for _ in range(3) for change in tail.read()]
        assert found == ([low, high] if commit else [high])
        assert tail.position == high
    finally:
        api.close()


def test_a_tail_begins_where_all_is_settled(postgresql: str, tmp_path: Any) -> None:
    api = Api(tmp_path, postgresql)
    try:
        _, (job_task,) = a_job(api, "peel")
        with Session(api.engine) as slow:
            insert(slow, UUID(job_task))
            # its patience is over at once, the other's transaction is not
            ticks = iter([0.0, 1e9])
            assert Tail(api.begin, None, lambda: next(ticks)).position > 0
            slow.rollback()
    finally:
        api.close()


def test_a_gap_that_never_closes_is_left_behind(postgresql: str, tmp_path: Any) -> None:
    api = Api(tmp_path, postgresql)
    try:
        _, (job_task,) = a_job(api, "peel")
        clock = [0.0]
        tail = Tail(api.begin, None, lambda: clock[0])
        with Session(api.engine) as slow:
            insert(slow, UUID(job_task))
            with Session(api.engine) as quick:
                high = insert(quick, UUID(job_task))
                quick.commit()
            assert tail.read() == []
            clock[0] = events.PATIENCE + 1
            assert [change.number for change in tail.read()] == [high]
    finally:
        api.close()


def test_a_wrong_place_or_state_is_refused(api: Api) -> None:
    for parameters in ({"after": "x"}, {"after": "1.2"}, {"state": "gone"}, {"sample": "abc"}, {"job": "1"}):
        assert api.get("/event", params=parameters).status_code == 412, parameters
    assert api.get("/event", headers={"Last-Event-ID": "9" * 30}).status_code == 412
