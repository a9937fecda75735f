"""Service tasks: asked for over the API, carried out in steps (contract section 11)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from orchestrator.domain.clock import now
from orchestrator.domain.messages import ServiceTaskMessage
from orchestrator.domain.vocabulary import Role, ServiceTaskState
from orchestrator.errors import Unavailable
from orchestrator.services import maintenance, operations, servicetasks
from orchestrator.services.operations import Context, Step
from orchestrator.store.tables import ServiceTask
from orchestrator.store.unit_of_work import UnitOfWork
from tests.integration.api import Api

ADMIN = Role.administrator
REINDEX = {"dataCenter": "all", "resource": "sample"}


def ask(api: Api, path: str = "/servicetask/reindex", body: Any = None) -> dict[str, Any]:
    """Ask for a service task; the task."""
    answer = api.post(path, REINDEX if body is None else body, role=ADMIN)
    assert answer.status_code == 200, answer.text
    assert answer.json()["data"].keys() == {"correlationID"}
    return search(api, correlationID=answer.json()["data"]["correlationID"])[-1]


def search(api: Api, **criteria: Any) -> list[dict[str, Any]]:
    answer = api.post("/servicetask/search", criteria, role=ADMIN)
    assert answer.status_code == 200, answer.text
    data: list[dict[str, Any]] = answer.json()["data"]
    return data


def read(api: Api, task: dict[str, Any]) -> dict[str, Any]:
    answer = api.get(f"/servicetask/{task['id']}", role=ADMIN)
    assert answer.status_code == 200, answer.text
    [data] = answer.json()["data"]
    result: dict[str, Any] = data
    return result


def carry_out(api: Api, task_id: str | UUID, **options: Any) -> None:
    """Once, as a worker that got the message does."""
    maintenance.carry_out(
        options.pop("begin", api.begin),
        api.application.blobs,
        api.application.dispatch,
        api.settings,
        UUID(str(task_id)),
        **options,
    )


def work(api: Api) -> None:
    """Carry out what was dispatched, and what that dispatches, until nothing is left."""
    while waiting := [each for each in api.dispatched if isinstance(each, ServiceTaskMessage)]:
        api.dispatched.remove(waiting[0])
        carry_out(api, waiting[0].id, host="here")


def change(api: Api, task: dict[str, Any], **values: Any) -> None:
    with api.begin() as uow:
        row = uow.session.get_one(ServiceTask, UUID(task["id"]))
        for name, value in values.items():
            setattr(row, name, value)
        uow.commit()


def stale(api: Api) -> list[str]:
    with api.begin(write=False) as uow:
        return [str(each.id) for each in servicetasks.stale(uow, api.settings)]


class Steps:
    """An operation of a given number of steps that counts them."""

    def __init__(self, count: int = 3) -> None:
        self.count = count
        self.seen: list[int] = []
        self.error: Exception | None = None

    def __call__(self, uow: UnitOfWork, context: Context) -> Step:
        number = context.cursor.get("number", 0)
        self.seen.append(number)
        if self.error is not None:
            raise self.error
        last = number + 1 == self.count
        return Step(cursor=None if last else {"number": number + 1}, message=f"step {number}")


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Iterator[Steps]:
    """The reindexing, replaced by counted steps; each call of ``carry_out`` does one."""
    fake = Steps()
    monkeypatch.setattr(maintenance, "OPERATIONS", {**operations.OPERATIONS, operations.REINDEX: fake})
    monkeypatch.setattr(maintenance, "SLICE", 0.0)
    return fake


def test_a_service_task_is_pending_until_a_worker_takes_it(api: Api) -> None:
    task = ask(api)
    assert (task["state"], task["operation"]) == ("pending", "reindexSampleResource")
    assert (task["executionTimestamp"], task["finishedTimestamp"]) == (0, 0)
    assert task["createdByUser"]["shortName"] == "default-administrator"
    assert task["rootTask"] == {"id": task["id"], "state": "pending"}
    assert "parentTask" not in task
    assert [str(each.id) for each in api.dispatched] == [task["id"]]
    work(api)
    done = read(api, task)
    assert (done["state"], done["workerHost"]) == ("done", "here")
    assert 0 < done["createdTimestamp"] <= done["executionTimestamp"] <= done["finishedTimestamp"]
    assert done["responseContext"] == {"done": "0", "total": "0"}
    assert done["responseMessages"][-1]["timestamp"] >= done["createdTimestamp"]


def test_each_slice_sends_itself_on_and_does_no_step_twice(api: Api, steps: Steps) -> None:
    task = ask(api)
    api.dispatched.clear()
    carry_out(api, task["id"])
    assert steps.seen == [0]
    assert [str(each.id) for each in api.dispatched] == [task["id"]]
    work(api)
    assert steps.seen == [0, 1, 2]
    carry_out(api, task["id"])
    carry_out(api, uuid4())
    assert steps.seen == [0, 1, 2]
    said = [each["message"] for each in read(api, task)["responseMessages"]]
    assert said == ["step 0", "step 1", "step 2"]


def test_who_is_at_it_keeps_others_away_until_the_lease_is_over(api: Api, steps: Steps) -> None:
    task = ask(api)
    change(api, task, state=ServiceTaskState.running, seen_at=now(), published_at=None, attempt=1)
    carry_out(api, task["id"])
    assert (steps.seen, stale(api)) == ([], [])
    change(api, task, seen_at=now() - servicetasks.LEASE)
    assert stale(api) == [task["id"]]
    carry_out(api, task["id"])
    assert steps.seen == [0]


def test_a_store_that_is_away_costs_one_step_that_is_done_again(api: Api, steps: Steps) -> None:
    task = ask(api)
    steps.error = Unavailable("away")
    with pytest.raises(Unavailable):
        carry_out(api, task["id"])
    assert read(api, task)["state"] == "running"
    change(api, task, seen_at=now() - servicetasks.LEASE)
    steps.error = None
    work(api)
    assert steps.seen == [0, 0, 1, 2]
    assert read(api, task)["state"] == "done"


def test_what_loses_its_worker_again_and_again_is_given_up(api: Api, steps: Steps) -> None:
    task = ask(api)
    steps.error = Unavailable("away")
    for _ in range(api.settings.max_attempts):
        with pytest.raises(Unavailable):
            carry_out(api, task["id"])
        change(api, task, seen_at=now() - servicetasks.LEASE)
    carry_out(api, task["id"])
    ended = read(api, task)
    assert ended["state"] == "failed"
    assert "3 times" in ended["responseMessages"][-1]["message"]


def test_an_operation_that_raises_fails_with_what_it_said(api: Api, steps: Steps) -> None:
    task = ask(api)
    steps.error = ValueError("no such thing")
    carry_out(api, task["id"])
    failed = read(api, task)
    assert failed["state"] == "failed"
    assert failed["responseMessages"][-1]["message"] == "ValueError: no such thing"
    assert failed["finishedTimestamp"] > 0


def test_an_abort_is_honoured_before_the_next_step(api: Api, steps: Steps) -> None:
    task = ask(api)
    carry_out(api, task["id"])
    answer = api.delete(f"/servicetask/{task['id']}", role=ADMIN)
    assert (answer.status_code, answer.json()["data"]["state"]) == (200, "aborted")
    work(api)
    assert steps.seen == [0]
    aborted = read(api, task)
    assert aborted == answer.json()["data"]
    assert aborted["responseMessages"][-1]["message"] == "aborted by default-administrator"
    assert api.delete(f"/servicetask/{task['id']}", role=ADMIN).status_code == 412
    assert read(api, task) == aborted


def test_an_abort_between_two_steps_of_a_slice_is_seen(
    api: Api, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = ask(api)

    def begin(*, write: bool = True) -> UnitOfWork:
        if steps.seen:
            with api.begin() as uow:
                row = uow.session.get_one(ServiceTask, UUID(task["id"]))
                row.state = ServiceTaskState.aborted
                uow.commit()
        return api.begin(write=write)

    monkeypatch.setattr(maintenance, "SLICE", 60.0)
    monkeypatch.setattr(maintenance, "SLICE", 60.0)
    carry_out(api, task["id"], begin=begin)
    assert steps.seen == [0]


def test_reindexing_everything_is_split_into_subtasks(api: Api) -> None:
    api.submit()
    task = ask(api, body={"dataCenter": "svg", "resource": "all", "reversed": "false"})
    api.dispatched = [each for each in api.dispatched if isinstance(each, ServiceTaskMessage)]
    carry_out(api, api.dispatched.pop().id)
    waiting = read(api, task)
    assert (waiting["state"], waiting["flags"]) == ("waitingForSubtasks", ["hasSubtasks"])
    subtasks = search(api, parentTask=task["id"])
    assert len(subtasks) == len(search(api, rootTask=[task["id"]])) - 1 == 2
    for each in subtasks:
        assert each["parentTask"] == {"id": task["id"], "state": "waitingForSubtasks"}
        assert each["rootTask"]["id"] == task["id"]
        assert each["correlationID"] == task["correlationID"]
    work(api)
    done = read(api, task)
    assert (done["state"], done["flags"]) == ("done", ["hasSubtasks"])
    assert {each["state"] for each in search(api, correlationID=task["correlationID"])} == {"done"}


def test_a_subtask_that_is_aborted_fails_the_whole(api: Api) -> None:
    task = ask(api, body={"dataCenter": "all", "resource": "all"})
    carry_out(api, task["id"])
    one, other = search(api, parentTask=task["id"])
    api.delete(f"/servicetask/{one['id']}", role=ADMIN)
    assert read(api, task)["state"] == "waitingForSubtasks"
    carry_out(api, other["id"])
    whole = read(api, task)
    assert (whole["state"], whole["flags"]) == ("failed", ["hasSubtasks", "hasFailedSubtasks"])


def test_aborting_the_whole_aborts_its_subtasks(api: Api) -> None:
    task = ask(api, body={"dataCenter": "all", "resource": "all"})
    carry_out(api, task["id"])
    api.delete(f"/servicetask/{task['id']}", role=ADMIN)
    work(api)
    assert {each["state"] for each in search(api, rootTask=task["id"])} == {"aborted"}


def test_the_sweep_sends_what_nobody_is_at(api: Api, steps: Steps) -> None:
    """Never sent, or long ago; laid down; waiting for subtasks that have ended. Nothing else."""
    task = ask(api)
    long_ago = now() - timedelta(hours=1)
    assert stale(api) == [], "within the grace, the message is on its way"
    for values, expected in (
        ({"created_at": long_ago}, True),
        ({"published_at": now()}, False),
        ({"published_at": long_ago}, True),
        ({"state": ServiceTaskState.running, "seen_at": now()}, False),
        ({"seen_at": long_ago}, True),
        ({"seen_at": None, "published_at": now()}, False),
        ({"published_at": None}, True),
        ({"state": ServiceTaskState.waiting_for_subtasks}, True),
        ({"state": ServiceTaskState.done}, False),
    ):
        change(api, task, **values)
        assert (stale(api) == [task["id"]]) is expected, values
    subtask = ask(api)
    change(api, task, state=ServiceTaskState.waiting_for_subtasks)
    change(api, subtask, parent_id=UUID(task["id"]))
    assert stale(api) == []
    change(api, subtask, state=ServiceTaskState.done)
    assert stale(api) == [task["id"]]
    carry_out(api, task["id"])
    assert read(api, task)["state"] == "done"


def test_service_tasks_are_found_by_every_criterion(api: Api) -> None:
    old, new = ask(api), ask(api)
    carry_out(api, old["id"], host="host-1")
    old = read(api, old)

    def found(**criteria: Any) -> list[str]:
        return [each["id"] for each in search(api, **criteria)]

    assert found() == [new["id"], old["id"]], "the newest first"
    me = old["createdByUser"]
    for criteria in (
        {"state": "done"},
        {"state": ["done", "failed"], "operation": ["reindexSampleResource"]},
        {"correlationID": [old["correlationID"]]},
        {"workerHost": "host-1"},
        {"rootTask": [old["id"]]},
        {"user": me["id"], "state": "done"},
        {"timeFieldStrategy": ["executionTimestamp"], "startTimestamp": old["executionTimestamp"]},
        {"timeMatchStrategy": "all", "startTimestamp": "now - 1 day", "endTimestamp": "now"},
    ):
        assert found(**criteria) == [old["id"]], criteria
    for criteria in (
        {"user": "nobody"},
        {"operation": "other"},
        {"parentTask": [old["id"]]},
        {"endTimestamp": "now - 1 day"},
    ):
        assert found(**criteria) == [], criteria
    answer = api.post("/servicetask/search", {"limit": 1, "offset": 1}, role=ADMIN).json()
    assert (answer["count"], answer["size"], answer["limit"], answer["offset"]) == (2, 1, 1, 1)
    listed = api.get(f"/servicetask?state=done&state=failed&user={me['shortName']}", role=ADMIN).json()
    assert [each["id"] for each in listed["data"]] == [old["id"]]
    assert (listed["limit"], listed["offset"]) == (25, 0)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/servicetask/search", {"state": "wrong"}),
        ("/servicetask/search", {"timeFieldStrategy": "wrong"}),
        ("/servicetask/search", {"limit": -1}),
        ("/servicetask/reindex", {"resource": "all"}),
        ("/servicetask/reindex", {"dataCenter": "moon", "resource": "all"}),
        ("/servicetask/reindex", {**REINDEX, "startTimestamp": "someday"}),
        ("/servicetask/reanalyse", {"sha256": "nothing"}),
        ("/servicetask/reanalyse", {"sha256": []}),
        ("/servicetask/reanalyse", {"workers": ["nobody"]}),
    ],
)
def test_a_wrong_request_is_refused(api: Api, path: str, body: dict[str, Any]) -> None:
    assert api.post(path, body, role=ADMIN).status_code == 412
    assert api.dispatched == []


def test_what_does_not_exist_is_not_found(api: Api) -> None:
    for path in (f"/servicetask/{uuid4()}", f"/sample/{'0' * 64}"):
        assert api.delete(path, role=ADMIN).status_code == 404
    assert api.get(f"/servicetask/{uuid4()}", role=ADMIN).status_code == 404
    assert api.get("/servicetask/nothing", role=ADMIN).status_code == 412


@pytest.mark.parametrize("role", [role for role in Role if role is not ADMIN])
def test_only_administrators_come_near_service_tasks(api: Api, role: Role) -> None:
    for method, path in (
        ("GET", "/servicetask"),
        ("POST", "/servicetask/search"),
        ("GET", "/servicetask/x"),
        ("POST", "/servicetask/reindex"),
        ("POST", "/servicetask/reanalyse"),
        ("DELETE", "/servicetask/x"),
        ("DELETE", "/sample/x"),
    ):
        assert api.call(method, path, role=role).status_code == 403, path
