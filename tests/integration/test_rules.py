"""Rules over the API, and what they do to jobs (contract section 10)."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from orchestrator.domain.vocabulary import Role
from orchestrator.store import access
from tests.integration.api import Api
from tests.integration.test_policy import put as put_policy
from tests.integration.test_policy import register, select, selected

ADMIN = Role.administrator
PATH = "/policy/default/rule"
DO = {"options": {"add": [{"key": "k", "value": "v"}]}}
ALL_CHANGES: dict[str, Any] = {
    "workers": {"set": ["one"], "add": ["two"], "remove": ["three"]},
    "options": {
        "set": [{"key": "a", "value": "1"}],
        "add": [{"key": "b", "value": "2"}],
        "remove": ["c", "d"],
    },
}


def meta(*values: str, key: str = "source") -> dict[str, Any]:
    return {"submission": {"metaDataKey": [key], "metaDataValue": list(values)}}


def classified(**lists: Any) -> dict[str, Any]:
    return {"classification": lists}


def customer(*references: Any) -> dict[str, Any]:
    return {"customer": {"customerOrGroup": list(references)}}


def default_customer(api: Api) -> int:
    with api.begin(write=False) as uow:
        found = access.find_customer(uow.session, "default")
    assert found is not None
    return found.id


def add(api: Api, match: Any, action: Any = DO, status: int = 201, **fields: Any) -> dict[str, Any]:
    body = {"name": "n", "description": "", "match": match, "action": action, **fields}
    answer = api.post(PATH, body, role=ADMIN)
    assert answer.status_code == status, answer.text
    result: dict[str, Any] = answer.json()["data"] or answer.json()
    return result


def update(api: Api, rule: dict[str, Any], status: int = 200, **fields: Any) -> dict[str, Any]:
    answer = api.put(f"{PATH}/{rule['id']}", fields, role=ADMIN)
    assert answer.status_code == status, answer.text
    result: dict[str, Any] = answer.json()["data"] or answer.json()
    return result


def test_a_rule_comes_back_with_workers_and_customers_resolved(api: Api) -> None:
    one, two, three = register(api, "one", "two", "three")
    rule = add(api, customer("default", default_customer(api)), ALL_CHANGES, name="name", description="why")
    assert (rule["name"], rule["description"], rule["flags"]) == ("name", "why", [])
    assert [each["shortName"] for each in rule["match"]["customer"]["customer"]] == ["default"]
    ids = {change: [each["id"] for each in of] for change, of in rule["action"]["workers"].items()}
    assert ids == {"set": [one], "add": [two], "remove": [three]}
    assert rule["action"]["options"] == ALL_CHANGES["options"]
    assert rule["createdByUser"]["shortName"] == "default-administrator"
    assert api.get(f"{PATH}/{rule['id']}", role=ADMIN).json()["data"] == rule


@pytest.mark.parametrize(
    ("match", "field"),
    [
        ({}, "match"),
        ({"customer": None}, "match"),
        (customer("default") | meta("a"), "match"),
        (customer(), "match.customer.customerOrGroup"),
        (customer("nobody"), "match.customer.customerOrGroup"),
        (customer("a\0"), "match.customer.customerOrGroup.0"),
        (classified(), "match.classification"),
        (classified(type=[], superType=[]), "match.classification"),
        (classified(type=[""]), "match.classification.type.0"),
        (meta(), "match.submission.metaDataValue"),
        ({"submission": {"metaDataValue": ["a"]}}, "match.submission.metaDataKey"),
        (None, "match"),
        ([], "match"),
    ],
)
def test_a_rule_has_exactly_one_clause(api: Api, match: Any, field: str) -> None:
    assert add(api, match, status=412)["messages"][0]["field"] == field


@pytest.mark.parametrize(
    ("action", "field"),
    [
        ({}, "action"),
        ({"workers": {}, "options": None}, "action"),
        ({"workers": {"set": [], "add": []}}, "action"),
        ({"workers": {"add": ["nobody"]}}, "action.workers.add"),
        ({"workers": {"set": [str(uuid4())]}}, "action.workers.set"),
        ({"options": {"set": [{"key": "a", "value": "1"}] * 2}}, "action.options.set"),
        ({"options": {"remove": [{}]}}, "action.options.remove.0"),
        ("add", "action"),
    ],
)
def test_a_rule_does_something(api: Api, action: Any, field: str) -> None:
    assert add(api, meta("a"), action, 412)["messages"][0]["field"] == field


@pytest.mark.parametrize("missing", ["name", "description", "match", "action"])
def test_a_rule_needs_all_its_parts(api: Api, missing: str) -> None:
    body = {"name": "n", "description": "", "match": meta("a"), "action": DO}
    del body[missing]
    answer = api.post(PATH, body, role=ADMIN)
    assert (answer.status_code, answer.json()["messages"][0]["field"]) == (412, missing)


@pytest.mark.parametrize(
    ("first", "same", "other"),
    [
        (meta("a", "b"), meta("b", "c"), meta("d")),
        (meta("a"), meta("a"), meta("a", key="another")),
        (classified(type=["x"]), classified(type=["y", "x"]), classified(type=["x"], superType=["z"])),
        (classified(superType=["x"]), classified(superType="x"), classified(type=["x"])),
    ],
)
def test_live_rules_do_not_match_the_same(api: Api, first: Any, same: Any, other: Any) -> None:
    live = add(api, first)
    assert add(api, same, status=412)["messages"][0]["field"].startswith("match")
    apart = add(api, other)
    update(api, apart, 412, match=same)
    assert update(api, apart, match=other)["match"] == other
    update(api, live, match=first, name="again")
    api.delete(f"{PATH}/{live['id']}", role=ADMIN)
    add(api, same)


def test_a_customer_is_the_same_by_id_and_by_name(api: Api) -> None:
    add(api, customer("default"))
    problem = add(api, customer(default_customer(api)), status=412)
    assert problem["messages"][0]["field"] == "match.customer"


def test_an_update_replaces_the_parts_that_it_names(api: Api) -> None:
    register(api, "one", "two", "three")
    rule = add(api, meta("a"), ALL_CHANGES)
    changed = update(api, rule, action={"options": {"remove": ["x"]}}, name=None)
    assert changed["action"] == {"options": {"remove": ["x"]}}
    assert (changed["name"], changed["match"]) == (rule["name"], rule["match"])
    assert changed["lastUpdatedTimestamp"] >= rule["createdTimestamp"]
    assert update(api, rule, match=classified(type="pe"))["match"] == {"classification": {"type": ["pe"]}}
    update(api, rule, 412, action={})
    update(api, rule, 412, name="")
    update(api, {"id": uuid4()}, 404, name="x")
    update(api, {"id": "nothing"}, 412, name="x")


def test_a_deleted_rule_stays_as_it_is_and_is_listed_on_request(api: Api) -> None:
    rules = [add(api, meta(value)) for value in "abc"]
    gone = api.delete(f"{PATH}/{rules[1]['id']}", role=ADMIN).json()["data"]
    assert gone["flags"] == ["deleted"]
    assert gone["deletedByUser"]["shortName"] == "default-administrator"
    update(api, gone, 412, name="x")
    assert api.delete(f"{PATH}/{gone['id']}", role=ADMIN).status_code == 412
    assert api.get(f"{PATH}/{gone['id']}", role=ADMIN).json()["data"] == gone

    def listed(query: str = "") -> list[str]:
        answer = api.get(f"{PATH}{query}", role=ADMIN).json()
        assert answer["size"] == len(answer["data"])
        return [each["id"] for each in answer["data"]]

    ids = [each["id"] for each in rules]
    assert listed() == [ids[0], ids[2]]
    assert listed("?includeDeleted=TRUE") == ids
    assert listed("?includeDeleted=true&limit=1&offset=1") == [ids[1]]
    assert api.delete(f"{PATH}/{uuid4()}", role=ADMIN).status_code == 404


def test_rules_change_what_a_job_gets(api: Api) -> None:
    register(api, "one", "two", "three")
    put_policy(api, workers=["one"], options=[{"key": "net", "value": "no"}])
    add(
        api, meta("mail"), {"workers": {"add": ["two"]}, "options": {"add": [{"key": "net", "value": "yes"}]}}
    )
    add(api, classified(type=["pe"]), {"workers": {"set": ["three"]}, "options": {"remove": ["net"]}})
    assert selected(api) == ["one"]
    assert selected(api, meta_data={"source": "mail"}) == ["one", "two"]
    assert select(api, meta_data={"source": "mail"}).options == {"net": "yes"}
    assert selected(api, type_="pe") == ["three"]
    assert select(api, type_="pe").options == {}
    both = select(api, type_="pe", meta_data={"source": "mail"})
    assert ([each.short_name for each in both.workers], both.options) == (["three", "two"], {"net": "yes"})
    api.delete("/worker/three", role=ADMIN)
    assert selected(api, type_="pe") == []


def test_a_customer_s_rule_is_for_its_jobs_alone(api: Api) -> None:
    register(api, "one", "two")
    other = api.key(Role.user, "other")
    put_policy(api, workers=["one"])
    add(api, customer("other"), {"workers": {"add": ["two"]}})
    for key, expected in ((other, ["one", "two"]), (api.keys[Role.user], ["one"])):
        job = api.job_of(api.submit(expected[-1].encode(), key=key))
        tasks = api.get(f"/job/{job['id']}/tasks", role=ADMIN).json()["data"]
        assert [each["worker"] for each in tasks] == expected
