"""The registry of analysis workers over the API (contract section 9)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from orchestrator.domain.clock import now
from orchestrator.domain.vocabulary import Role
from orchestrator.store.tables import RegisteredWorker, WorkerProcess
from tests.integration.api import Api

ADMIN = Role.administrator
SCHEMA = {"type": "object", "required": ["seen"], "properties": {"seen": {"type": "boolean"}}}


def text(english: str) -> dict[str, str]:
    return {"english": english}


def add(api: Api, name: str, status: int = 201, **fields: Any) -> dict[str, Any]:
    body = {"shortName": name, "localizedNames": text(name), "localizedDescriptions": text("it"), **fields}
    answer = api.post("/worker", body, role=ADMIN)
    assert answer.status_code == status, answer.text
    result: dict[str, Any] = answer.json()["data"] or answer.json()
    return result


def get(api: Api, reference: str, status: int = 200) -> dict[str, Any]:
    answer = api.get(f"/worker/{reference}", role=ADMIN)
    assert answer.status_code == status, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


def change(api: Api, name: str, **values: Any) -> None:
    """What a Celery worker's announcement writes."""
    with api.begin() as uow:
        worker = uow.session.query(RegisteredWorker).filter_by(short_name=name, deleted_at=None).one()
        for key, value in values.items():
            setattr(worker, key, value)
        uow.commit()


def test_a_worker_comes_back_by_id_and_by_name_but_its_schema_does_not(api: Api) -> None:
    made = add(api, "a.b:c-1", localizedNames={"english": "A", "norwegian": "Å"}, schema=SCHEMA)
    assert get(api, made["id"]) == get(api, "a.b:c-1") == made
    assert made["localizedName"] == "A"
    assert made["localizedNames"] == {"english": "A", "norwegian": "Å"}
    assert made["flags"] == []
    assert made["createdByUser"]["shortName"] == "default-administrator"
    assert "schema" not in made
    assert api.get("/worker/a.b:c-1/schema", role=ADMIN).json() == SCHEMA


@pytest.mark.parametrize("schema", [{}, {"type": "string"}, True, {"$schema": "https://example.org/own"}])
def test_whatever_is_a_json_schema_is_kept(api: Api, schema: Any) -> None:
    add(api, "w", schema=schema)
    answer = api.get("/worker/w/schema", role=ADMIN)
    assert answer.status_code == 200
    assert answer.json() == schema


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "nothing"},
        {"required": "seen"},
        "text",
        1,
        [],
        {"title": "a\0b"},
        {"minimum": 2**70},
        {"$schema": []},
    ],
)
def test_what_is_no_json_schema_is_refused(api: Api, schema: Any) -> None:
    problem = add(api, "w", 412, schema=schema)
    assert problem["messages"][0]["field"] == "schema"


def test_a_worker_without_schema_has_none(api: Api) -> None:
    add(api, "w")
    assert api.get("/worker/w/schema", role=ADMIN).status_code == 404
    assert api.get(f"/worker/{uuid4()}/schema", role=ADMIN).status_code == 404


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"shortName": ""}, "shortName"),
        ({"shortName": "a/b"}, "shortName"),
        ({"shortName": "x" * 129}, "shortName"),
        ({"shortName": "x\n"}, "shortName"),
        ({"localizedNames": {"norwegian": "n"}}, "localizedNames.english"),
        ({"localizedNames": {"english": "n", "klingon": "k"}}, "localizedNames.klingon"),
        ({"localizedDescriptions": {"english": "a\0"}}, "localizedDescriptions.english"),
        ({"localizedDescriptions": None}, "localizedDescriptions"),
    ],
)
def test_a_wrong_field_is_named(api: Api, fields: dict[str, Any], field: str) -> None:
    problem = add(api, "w", 412, **fields)
    assert [message["field"] for message in problem["messages"]] == [field]


def test_a_short_name_is_unique_among_the_living(api: Api) -> None:
    one, two = add(api, "one"), add(api, "two")
    assert add(api, "one", 412)["messages"][0]["field"] == "shortName"
    answer = api.put(f"/worker/{two['id']}", {"shortName": "one"}, role=ADMIN)
    assert (answer.status_code, answer.json()["messages"][0]["field"]) == (412, "shortName")
    assert api.put("/worker/one", {"shortName": "one"}, role=ADMIN).status_code == 200
    assert api.delete(f"/worker/{one['id']}", role=ADMIN).json()["data"]["flags"] == ["deleted"]
    assert add(api, "one")["id"] != one["id"]


def test_a_deleted_worker_answers_by_id_alone_and_stays_as_it_is(api: Api) -> None:
    made = add(api, "w", schema=SCHEMA)
    deleted = api.delete("/worker/w", role=ADMIN).json()["data"]
    assert deleted["deletedByUser"] == made["createdByUser"]
    assert deleted["deletedTimestamp"] >= made["createdTimestamp"]
    get(api, "w", 404)
    assert get(api, made["id"]) == deleted
    for answer in (
        api.put(f"/worker/{made['id']}", {"shortName": "v"}, role=ADMIN),
        api.delete(f"/worker/{made['id']}", role=ADMIN),
    ):
        assert answer.status_code == 412
    assert get(api, made["id"]) == deleted
    listed = api.get("/worker?includeDeleted=True&sortBy=-deletedTimestamp", role=ADMIN).json()
    assert [each["id"] for each in listed["data"]] == [made["id"]]
    assert api.get("/worker?includeDeleted=False", role=ADMIN).json()["count"] == 0


def test_an_update_replaces_what_it_names(api: Api) -> None:
    made = add(api, "w", schema=SCHEMA)
    updated = api.put("/worker/w", {"localizedNames": text("New"), "schema": None}, role=ADMIN).json()["data"]
    assert (updated["localizedName"], updated["localizedDescription"]) == ("New", "it")
    assert updated["lastUpdatedByUser"] == made["createdByUser"]
    assert api.get("/worker/w/schema", role=ADMIN).json() == SCHEMA
    assert api.put("/worker/nobody", {}, role=ADMIN).status_code == 404


def test_workers_are_listed_by_name_or_as_asked(api: Api) -> None:
    for name in ("b", "c", "a"):
        add(api, name)

    def names(query: str) -> list[str]:
        return [each["shortName"] for each in api.get(f"/worker{query}", role=ADMIN).json()["data"]]

    assert names("") == ["a", "b", "c"]
    assert names("?sortBy=-shortName&limit=1&offset=1") == ["b"]
    assert names("?sortBy=createdTimestamp")[0] == "b"
    assert api.get("/worker?sortBy=version", role=ADMIN).status_code == 412


def test_the_envelope_says_who_serves_the_worker(api: Api) -> None:
    """Processes that were not heard within the lease, that stopped, or that serve others do not count."""
    add(api, "w")
    late = now() - timedelta(seconds=api.settings.worker_lease + 5)
    meta = api.get("/worker/w", role=ADMIN).json()["metaData"]
    assert meta == {"celery": False, "accepts": [], "alive": False, "processes": []}
    change(api, "w", celery=True, version="2", accepts=["pe"])
    with api.begin() as uow:
        for pid, workers, seen, stopped in (
            (1, {"w": "2"}, now(), None),
            (2, {"w": "2"}, late, None),
            (3, {"w": "2"}, now(), now()),
            (4, {"v": "1"}, now(), None),
        ):
            uow.session.add(
                WorkerProcess(
                    host="h",
                    pid=pid,
                    version="9",
                    workers=workers,
                    started_at=late,
                    seen_at=seen,
                    stopped_at=stopped,
                )
            )
        uow.commit()
    meta = api.get("/worker/w", role=ADMIN).json()["metaData"]
    assert (meta["celery"], meta["version"], meta["accepts"], meta["alive"]) == (True, "2", ["pe"], True)
    assert [(each["pid"], each["version"]) for each in meta["processes"]] == [(1, "2")]


def test_a_name_that_celery_served_is_served_again_when_it_comes_back(api: Api) -> None:
    add(api, "w", schema=SCHEMA)
    change(api, "w", celery=True, version="2", accepts=["pe"], classifies=True)
    api.delete("/worker/w", role=ADMIN)
    add(api, "w")
    meta = api.get("/worker/w", role=ADMIN).json()["metaData"]
    assert (meta["celery"], meta["version"], meta["accepts"]) == (True, "2", ["pe"])
    assert api.get("/worker/w/schema", role=ADMIN).json() == SCHEMA


def test_under_a_new_name_celery_does_not_serve_it(api: Api) -> None:
    add(api, "w")
    change(api, "w", celery=True, version="2")
    api.put("/worker/w", {"shortName": "v"}, role=ADMIN)
    assert api.get("/worker/v", role=ADMIN).json()["metaData"]["celery"] is False


@pytest.mark.parametrize("role", [role for role in Role if role is not ADMIN])
def test_only_administrators_come_near_the_registry(api: Api, role: Role) -> None:
    for method, path in (
        ("GET", "/worker"),
        ("POST", "/worker"),
        ("GET", "/worker/w"),
        ("PUT", "/worker/w"),
        ("DELETE", "/worker/w"),
        ("GET", "/worker/w/schema"),
    ):
        assert api.call(method, path, role=role).status_code == 403, path


def test_of_many_that_want_a_name_at_once_one_gets_it(api: Api) -> None:
    body = {"shortName": "w", "localizedNames": text("w"), "localizedDescriptions": text("it")}
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: api.post("/worker", body, role=ADMIN).status_code, range(8)))
    assert sorted(answers) == [201] + [412] * 7
