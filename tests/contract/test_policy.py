"""Contract section 10: the default policy and its rules."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.driver import EXTERNAL, Api, fields_of, refused, unique

Policy = Callable[..., None]
Rule = Callable[..., dict[str, Any]]
Register = Callable[..., dict[str, Any]]

ADD = {"workers": {"add": [EXTERNAL]}}


def meta(*values: str, key: str = "") -> dict[str, Any]:
    return {"submission": {"metaDataKey": [key or unique("k-")], "metaDataValue": list(values or ["v"])}}


def read(admin: Api) -> dict[str, Any]:
    return dict(admin.policy.get_default_analysis_policy()["data"])


def test_the_policy_names_workers_and_options(admin: Api, policy: Policy, registered: Register) -> None:
    """By id or shortName; the order is kept."""
    one, two = registered(), registered()
    options = [{"key": "meta.sampledb.allowInternetAccess", "value": "true"}, {"key": "a", "value": "1"}]
    policy(workers=[two["shortName"], one["id"], EXTERNAL], options=options)
    found = read(admin)
    assert [w["shortName"] for w in found["workers"]] == [two["shortName"], one["shortName"], EXTERNAL]
    assert found["workers"][1]["id"] == one["id"]
    assert found["workers"][1]["localizedName"] == one["localizedName"]
    assert found["options"] == options
    assert found["lastUpdatedTimestamp"] > 0
    assert found["lastUpdatedByUser"]["shortName"]


def test_what_is_absent_is_unchanged(admin: Api, policy: Policy, registered: Register) -> None:
    """Each list replaces its own; options may be emptied, workers may not."""
    policy(workers=[registered()["id"]], options=[{"key": "a", "value": "1"}])
    before = read(admin)
    policy(options=[{"key": "b", "value": "2"}])
    assert read(admin)["workers"] == before["workers"]
    policy(workers=[EXTERNAL])
    assert read(admin)["options"] == [{"key": "b", "value": "2"}]
    policy(options=[])
    assert read(admin)["options"] == []
    policy(workers=EXTERNAL)
    assert [w["shortName"] for w in read(admin)["workers"]] == [EXTERNAL]


@pytest.mark.parametrize(
    ("body", "statuses"),
    [
        ({"workers": []}, {412}),
        ({"workers": ["nobody-by-that-name"]}, {412, 404}),
        ({"workers": [EXTERNAL, str(uuid.UUID(int=7))]}, {412, 404}),
        ({"workers": {"x": 1}}, {412}),
        ({"options": [{"key": "a", "value": "1"}, {"key": "a", "value": "2"}]}, {412}),
        ({"options": [{"key": "a"}]}, {412}),
        ({"options": ["a"]}, {412}),
        ({"options": "a"}, {412}),
    ],
)
def test_a_wrong_policy_is_refused(admin: Api, body: dict[str, Any], statuses: set[int]) -> None:
    before = read(admin)
    response = admin.send("PUT", "/policy/default", json=body)
    assert response.status_code in statuses
    assert read(admin) == before


def test_a_rule_comes_back_resolved(admin: Api, rule: Rule, registered: Register) -> None:
    """201; workers and customers are named in full."""
    worker, match = registered(), meta("a", "b")
    action = {
        "workers": {"add": [worker["shortName"]], "remove": [EXTERNAL]},
        "options": {"add": [{"key": "k", "value": "v"}], "remove": ["x"]},
    }
    added = rule(match, action, name="n", description="d")
    assert admin.status == 201
    assert (added["name"], added["description"], added["match"]) == ("n", "d", match)
    info = {"id": worker["id"], "shortName": worker["shortName"], "localizedName": worker["localizedName"]}
    assert added["action"]["workers"]["add"] == [info]
    assert [w["shortName"] for w in added["action"]["workers"]["remove"]] == [EXTERNAL]
    assert added["action"]["options"] == {"add": [{"key": "k", "value": "v"}], "remove": ["x"]}
    assert added["createdByUser"]["shortName"]
    assert added.get("flags", []) == []
    assert admin.policy.get_default_analysis_policy_rule(added["id"])["data"] == added


def test_a_customer_rule_names_the_customer(admin: Api, rule: Rule) -> None:
    """`customerOrGroup` goes in, `customer` comes out; by id and by name it is the same customer."""
    customer = admin.submit().submission["customer"]
    added = rule({"customer": {"customerOrGroup": [str(customer["id"])]}}, ADD)
    assert added["match"]["customer"]["customer"] == [customer]
    with refused(412):
        rule({"customer": {"customerOrGroup": [customer["shortName"]]}}, ADD)


@pytest.mark.parametrize(
    "match",
    [
        {},
        {"customer": {"customerOrGroup": ["default"]}, "classification": {"type": ["pe"]}},
        {"customer": {"customerOrGroup": []}},
        {"customer": {"customerOrGroup": ["nobody-by-that-name"]}},
        {"customer": {}},
        {"classification": {}},
        {"classification": {"type": [], "superType": []}},
        {"submission": {"metaDataKey": [], "metaDataValue": ["v"]}},
        {"submission": {"metaDataKey": ["k"], "metaDataValue": []}},
        {"submission": {"metaDataKey": ["k"]}},
        None,
        [],
        "customer",
    ],
)
def test_a_rule_matches_by_exactly_one_clause(admin: Api, match: Any) -> None:
    body = {"name": "n", "description": "d", "match": match, "action": ADD}
    response = admin.send("POST", "/policy/default/rule", json=body)
    assert response.status_code == 412
    assert response.json()["messages"][0]["field"].startswith("match")


@pytest.mark.parametrize(
    "action",
    [
        {},
        {"workers": {}},
        {"options": {}},
        {"workers": {"add": []}},
        {"workers": {"add": ["nobody-by-that-name"]}},
        {"options": {"add": [{"key": "k"}]}},
        {"options": {"remove": [{"key": "k"}]}},
        None,
        "add",
    ],
)
def test_a_rule_does_something(admin: Api, action: Any) -> None:
    body = {"name": "n", "description": "d", "match": meta(), "action": action}
    response = admin.send("POST", "/policy/default/rule", json=body)
    assert response.status_code in {412, 404}
    assert response.json()["messages"]


@pytest.mark.parametrize("missing", ["name", "description", "match", "action"])
def test_what_a_rule_requires(admin: Api, missing: str) -> None:
    body = {"name": "n", "description": "d", "match": meta(), "action": ADD}
    del body[missing]
    response = admin.send("POST", "/policy/default/rule", json=body)
    assert response.status_code == 412
    assert response.json()["messages"][0]["field"] == missing


def classified(**lists: list[str]) -> dict[str, Any]:
    return {"classification": lists}


def test_live_rules_do_not_match_the_same(rule: Rule, admin: Api) -> None:
    """One per metadata key and value, and per type, superType or both; a deleted one is free."""
    word = unique("c-")
    pairs = [
        (meta("a", "b", key=word), meta("b", "c", key=word)),
        (classified(type=[word]), classified(type=["other", word])),
        (classified(superType=[word]), classified(superType=[word])),
        (classified(type=[f"{word}2"], superType=[word]), classified(type=[f"{word}2"], superType=[word])),
    ]
    for first, second in pairs:
        live = rule(first, ADD)
        with refused(412) as caught:
            rule(second, ADD)
        assert fields_of(caught)[0].startswith("match")
        admin.policy.delete_default_analysis_rule(live["id"])
        rule(second, ADD)
    rule(meta("d", key=word), ADD)


def test_an_update_must_not_collide_either(admin: Api, rule: Rule) -> None:
    """A rule does not collide with itself."""
    one, two = rule(meta("a"), ADD), rule(meta("b"), ADD)
    with refused(412):
        admin.policy.update_default_analysis_rule(two["id"], match=one["match"])
    admin.policy.update_default_analysis_rule(two["id"], match=two["match"])
    assert admin.status == 200


def test_an_update_replaces_what_it_names(admin: Api, rule: Rule) -> None:
    before = rule(meta("a"), {"workers": {"add": [EXTERNAL]}, "options": {"remove": ["x"]}})
    update = admin.policy.update_default_analysis_rule
    renamed = update(before["id"], name="new", description="newer")["data"]
    assert admin.status == 200
    assert (renamed["name"], renamed["description"]) == ("new", "newer")
    assert (renamed["match"], renamed["action"]) == (before["match"], before["action"])
    assert renamed["lastUpdatedTimestamp"] >= before["createdTimestamp"]
    changed = update(before["id"], action={"options": {"remove": ["y"]}})["data"]
    assert changed["action"].get("options") == {"remove": ["y"]}
    assert not changed["action"].get("workers")
    with refused(412):
        update(before["id"], action={})
    with refused(404):
        update(str(uuid.uuid4()), name="x")
    with refused(412, 404):
        update("no-uuid", name="x")


def test_a_deleted_rule_is_flagged(admin: Api, rule: Rule) -> None:
    """Hidden from the list unless asked for; its id still answers."""
    live, gone = rule(meta(), ADD), rule(meta(), ADD)
    deleted = admin.policy.delete_default_analysis_rule(gone["id"])["data"]
    assert deleted["flags"] == ["deleted"]
    assert deleted["deletedTimestamp"] >= gone["createdTimestamp"]
    assert deleted["deletedByUser"]["shortName"]

    def listed(**kwargs: Any) -> list[str]:
        return [r["id"] for r in admin.policy.list_default_analysis_rules(limit=0, **kwargs)["data"]]

    assert live["id"] in listed()
    assert gone["id"] not in listed()
    everything = listed(includeDeleted=True)
    assert everything.index(live["id"]) < everything.index(gone["id"])
    with refused(404):
        admin.policy.delete_default_analysis_rule(str(uuid.uuid4()))


def test_an_unknown_rule(admin: Api) -> None:
    with refused(404):
        admin.policy.get_default_analysis_policy_rule(str(uuid.uuid4()))
    with refused(412, 404):
        admin.policy.get_default_analysis_policy_rule("no-uuid")
