"""The default policy over the API, and what it selects for jobs (contract section 10)."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from orchestrator.domain.clock import now
from orchestrator.domain.ids import new_id
from orchestrator.domain.vocabulary import Role
from orchestrator.services import policy
from orchestrator.services.policy import Selected
from orchestrator.store.tables import RegisteredWorker
from tests.integration.api import Api

ADMIN = Role.administrator
OPTIONS = [{"key": "b", "value": "1"}, {"key": "a", "value": ""}]


def register(api: Api, *names: str, celery: bool = False) -> list[str]:
    """Registered workers; their ids."""
    rows = [
        RegisteredWorker(
            id=new_id(),
            short_name=name,
            localized_names={"english": name.upper()},
            localized_descriptions={"english": name},
            celery=celery,
            created_at=now(),
        )
        for name in names
    ]
    with api.begin() as uow:
        uow.session.add_all(rows)
        uow.commit()
    return [str(row.id) for row in rows]


def put(api: Api, status: int = 200, **body: Any) -> dict[str, Any]:
    answer = api.put("/policy/default", body, role=ADMIN)
    assert answer.status_code == status, answer.text
    result: dict[str, Any] = answer.json()["data"] or answer.json()
    return result


def read(api: Api) -> dict[str, Any]:
    data: dict[str, Any] = api.get("/policy/default", role=ADMIN).json()["data"]
    return data


def names(shown: dict[str, Any]) -> list[str]:
    return [worker["shortName"] for worker in shown["workers"]]


def select(api: Api, **facts: Any) -> Selected:
    wanted = {"customer_id": 1, "meta_data": {}, "type_": "", "super_type": "", **facts}
    with api.begin(write=False) as uow:
        return policy.select(uow, **wanted)


def selected(api: Api, **facts: Any) -> list[str]:
    return [worker.short_name for worker in select(api, **facts).workers]


def test_until_somebody_decides_every_worker_that_celery_serves_is_in(api: Api) -> None:
    assert read(api) == {"workers": [], "options": []}
    register(api, "z", "b", celery=True)
    register(api, "external")
    assert names(read(api)) == selected(api) == ["b", "z"]
    put(api, options=OPTIONS)
    register(api, "new", celery=True)
    assert names(read(api)) == selected(api) == ["b", "new", "z"]
    assert select(api).options == {"a": "", "b": "1"}
    put(api, workers=["external"])
    assert names(read(api)) == selected(api) == ["external"]


def test_workers_are_named_by_id_or_name_in_any_order_once(api: Api) -> None:
    one, _two, _three = register(api, "one", "two", "three")
    shown = put(api, workers=["two", one, "one", "three"])
    assert names(shown) == ["two", "one", "three"]
    assert shown["workers"][1] == {"id": one, "shortName": "one", "localizedName": "ONE"}
    assert shown["lastUpdatedByUser"]["shortName"] == "default-administrator"
    assert shown["lastUpdatedTimestamp"] > 0
    assert read(api) == shown
    assert names(put(api, workers="two")) == ["two"]


def test_what_is_absent_or_null_is_unchanged(api: Api) -> None:
    register(api, "one")
    put(api, workers=["one"], options=OPTIONS)
    before = read(api)
    assert put(api, workers=None)["workers"] == before["workers"]
    assert put(api)["options"] == OPTIONS
    assert put(api, options=[])["options"] == []
    assert names(read(api)) == ["one"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"workers": []}, "workers"),
        ({"workers": ["nobody"]}, "workers"),
        ({"workers": ["one", str(uuid4())]}, "workers"),
        ({"workers": ["one", {}]}, "workers.1"),
        ({"workers": ["one\0"]}, "workers.0"),
        ({"options": [*OPTIONS, OPTIONS[0]]}, "options"),
        ({"options": [{"key": "a"}]}, "options.0.value"),
        ({"options": [{"key": "", "value": ""}]}, "options.0.key"),
        ({"options": "a"}, "options.0"),
    ],
)
def test_a_wrong_policy_changes_nothing(api: Api, body: dict[str, Any], field: str) -> None:
    register(api, "one")
    before = read(api)
    assert put(api, 412, **body)["messages"][0]["field"] == field
    assert read(api) == before


def test_a_deleted_worker_drops_out_and_its_name_does_not_bring_it_back(api: Api) -> None:
    register(api, "one", "two")
    put(api, workers=["one", "two"])
    api.delete("/worker/one", role=ADMIN)
    assert names(read(api)) == selected(api) == ["two"]
    register(api, "one")
    assert selected(api) == ["two"]
    api.delete("/worker/two", role=ADMIN)
    assert names(read(api)) == selected(api) == []
    answer = api.put("/policy/default", {"workers": [str(uuid4())]}, role=ADMIN)
    assert answer.status_code == 412


def test_a_submission_s_job_gets_the_selection(api: Api) -> None:
    register(api, "one", "two")
    put(api, workers=["two", "one"])
    job = api.job_of(api.submit())
    tasks = api.get(f"/job/{job['id']}/tasks").json()["data"]
    assert [(each["worker"], each["state"]) for each in tasks] == [("one", "enqueued"), ("two", "enqueued")]


@pytest.mark.parametrize("role", [role for role in Role if role is not ADMIN])
def test_only_administrators_come_near_the_policy(api: Api, role: Role) -> None:
    for method, path in (
        ("GET", ""),
        ("PUT", ""),
        ("GET", "/rule"),
        ("POST", "/rule"),
        ("GET", "/rule/x"),
        ("PUT", "/rule/x"),
        ("DELETE", "/rule/x"),
    ):
        assert api.call(method, f"/policy/default{path}", role=role).status_code == 403, path
