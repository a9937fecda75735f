"""Contract section 9: the worker registry."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.conftest import names
from tests.contract.driver import Api, fields_of, refused, unique

Register = Callable[..., dict[str, Any]]
SCHEMA = {"type": "object", "required": ["seen"], "properties": {"seen": {"type": "boolean"}}}


def test_every_field_comes_back(admin: Api, registered: Register) -> None:
    """201; the localized name is in the user's language, which is English unless it has another."""
    name = unique("w.x:1-")
    worker = registered(
        name,
        localizedNames={"english": "Dynamic", "norwegian": "Dynamisk"},
        localizedDescriptions={"english": "Runs it", "norwegian": "Kjører det"},
        schema=SCHEMA,
    )
    assert admin.status == 201
    assert uuid.UUID(worker["id"])
    assert worker["shortName"] == name
    assert worker["localizedNames"] == {"english": "Dynamic", "norwegian": "Dynamisk"}
    assert worker["localizedDescriptions"] == {"english": "Runs it", "norwegian": "Kjører det"}
    assert (worker["localizedName"], worker["localizedDescription"]) == ("Dynamic", "Runs it")
    assert worker["flags"] == []
    assert worker["createdByUser"]["shortName"]
    assert "schema" not in worker
    assert not {"deletedByUser", "deletedTimestamp"} & worker.keys()


def test_a_worker_has_an_id_and_a_name(admin: Api, registered: Register) -> None:
    worker = registered()
    for reference in (worker["id"], worker["shortName"]):
        assert admin.worker.get_analysis_worker(reference)["data"] == worker
    for unknown in (str(uuid.uuid4()), "nobody-by-that-name"):
        with refused(404):
            admin.worker.get_analysis_worker(unknown)


def test_a_schema_is_served_bare(admin: Api, registered: Register) -> None:
    """Without the envelope; 404 for a worker that has none."""
    worker = registered(schema=SCHEMA)
    assert admin.worker.fetch_analysis_worker_schema(worker["shortName"]) == SCHEMA
    assert admin.worker.fetch_analysis_worker_schema(worker["id"]) == SCHEMA
    for without in (registered()["id"], str(uuid.uuid4())):
        with refused(404):
            admin.worker.fetch_analysis_worker_schema(without)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("shortName", ""),
        ("shortName", "a b"),
        ("shortName", "ä"),
        ("shortName", None),
        ("shortName", 7),
        ("localizedNames", {}),
        ("localizedNames", {"norwegian": "n"}),
        ("localizedNames", {"english": "n", "klingon": "k"}),
        ("localizedNames", "n"),
        ("localizedNames", None),
        ("localizedDescriptions", {"norwegian": "d"}),
        ("localizedDescriptions", None),
    ],
)
def test_a_wrong_worker_is_refused(admin: Api, field: str, value: Any) -> None:
    body = {"shortName": unique("w-"), "localizedNames": names("n"), "localizedDescriptions": names("d")}
    response = admin.send("POST", "/worker", json={**body, field: value})
    assert response.status_code == 412
    assert response.json()["messages"][0]["field"].startswith(field)


def test_a_short_name_is_unique(admin: Api, registered: Register) -> None:
    one, two = registered(), registered()
    for call in (
        lambda: registered(one["shortName"]),
        lambda: admin.worker.update_analysis_worker(two["id"], shortName=one["shortName"]),
    ):
        with refused(412) as caught:
            call()
        assert fields_of(caught) == ["shortName"]
    same = admin.worker.update_analysis_worker(one["id"], shortName=one["shortName"])["data"]
    assert same["shortName"] == one["shortName"]


def test_an_update_leaves_absent_fields_alone(admin: Api, registered: Register) -> None:
    worker = registered(schema=SCHEMA)
    updated = admin.worker.update_analysis_worker(worker["shortName"], localizedNames=names("New"))["data"]
    assert admin.status == 200
    assert (updated["localizedName"], updated["localizedDescription"]) == ("New", "for a test")
    assert updated["lastUpdatedTimestamp"] >= worker["createdTimestamp"]
    assert updated["lastUpdatedByUser"] == worker["createdByUser"]
    assert admin.worker.fetch_analysis_worker_schema(worker["id"]) == SCHEMA
    renamed = admin.worker.update_analysis_worker(worker["id"], shortName=unique("w-"), schema={})["data"]
    assert renamed["localizedNames"] == names("New")
    assert admin.worker.get_analysis_worker(renamed["shortName"])["data"] == renamed
    with refused(404):
        admin.worker.get_analysis_worker(worker["shortName"])
    with refused(404):
        admin.worker.update_analysis_worker(str(uuid.uuid4()), localizedNames=names("x"))


def test_a_deleted_worker_is_still_there_by_id(admin: Api, registered: Register) -> None:
    """Soft delete: flagged, out of the list, its name free again, its id still answers."""
    worker = registered()
    deleted = admin.worker.delete_analysis_worker(worker["shortName"])["data"]
    assert admin.status == 200
    assert deleted["flags"] == ["deleted"]
    assert deleted["deletedTimestamp"] >= worker["createdTimestamp"]
    assert deleted["deletedByUser"]["id"] == worker["createdByUser"]["id"]
    with refused(404):
        admin.worker.get_analysis_worker(worker["shortName"])
    assert admin.worker.get_analysis_worker(worker["id"])["data"] == deleted
    again = registered(worker["shortName"])
    assert again["id"] != worker["id"]
    assert admin.worker.get_analysis_worker(worker["shortName"])["data"]["id"] == again["id"]
    with refused(404):
        admin.worker.delete_analysis_worker(str(uuid.uuid4()))


def test_deleted_workers_are_listed_on_request(admin: Api, registered: Register) -> None:
    """`includeDeleted`, as Python spells it, and in any case."""
    live, gone = registered(), registered()
    admin.worker.delete_analysis_worker(gone["id"])

    def listed(**kwargs: Any) -> set[str]:
        return {w["id"] for w in admin.worker.list_analysis_workers(limit=0, **kwargs)["data"]}

    assert listed() & {live["id"], gone["id"]} == {live["id"]}
    assert listed(includeDeleted=True) >= {live["id"], gone["id"]}
    for spelling in ("true", "TRUE", "True"):
        assert gone["id"] in listed(includeDeleted=spelling)
    assert gone["id"] not in listed(includeDeleted="false")
    with refused(412) as caught:
        listed(includeDeleted="maybe")
    assert fields_of(caught) == ["includeDeleted"]


def test_the_service_s_own_workers_announce_themselves(admin: Api) -> None:
    """The Celery workers register with their names when they start."""
    listed = admin.worker.list_analysis_workers(limit=0)["data"]
    assert {w["shortName"] for w in listed} >= {"hashes", "filetype", "strings", "yara", "pe"}
