"""Static facts over the API (contract section 7)."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.domain.vocabulary import Role
from tests.integration.api import Api

AGENT = {"name": "tests", "version": "1"}


def fact(api: Api, sha256: str, key: str, value: str) -> dict[str, Any]:
    answer = api.post(f"/sample/{sha256}/fact", {"key": key, "value": value, "userAgent": AGENT})
    assert answer.status_code == 201, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


@pytest.fixture
def sha256(api: Api) -> str:
    submitted: str = api.submit()["sampleSha256"]
    return submitted


def test_a_fact_comes_back(api: Api, sha256: str) -> None:
    made = fact(api, sha256, "pe.imphash", "äöü <x>")
    assert (made["key"], made["value"], made["userAgent"]) == ("pe.imphash", "äöü <x>", AGENT)
    assert made["sampleSha256"] == sha256
    assert made["createdByUser"]["shortName"] == "default-analyzer"
    assert api.get(f"/sample/{sha256}/fact", role=Role.viewer).json()["data"] == [made]


def test_sorting_and_selection(api: Api, sha256: str) -> None:
    """By key unless asked otherwise; several keys are alternatives."""
    made = [fact(api, sha256, key, value) for key, value in (("b", "1"), ("c", "2"), ("a", "3"), ("b", "4"))]

    def values(query: str = "") -> list[str]:
        return [each["value"] for each in api.get(f"/sample/{sha256}/fact?{query}").json()["data"]]

    assert values() == ["3", "1", "4", "2"]
    assert values("sortBy=-key&sortBy=createdTimestamp")[:1] == ["2"]
    assert values("sortBy=-createdTimestamp") == [each["value"] for each in made[::-1]]
    assert values("key=b") == ["1", "4"]
    assert values("key=a&key=c&sortBy=-key") == ["2", "3"]
    assert values("key=d") == []
    assert values("limit=1&offset=1") == ["1"]
    assert api.get(f"/sample/{sha256}/fact?sortBy=value").status_code == 412


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"key": None}, "key"),
        ({"key": ""}, "key"),
        ({"key": "\x00"}, "key"),
        ({"key": "k" * 513}, "key"),
        ({"value": None}, "value"),
        ({"value": 7}, "value"),
        ({"value": "a\x00"}, "value"),
        ({"userAgent": None}, "userAgent"),
    ],
)
def test_a_wrong_field_is_refused(api: Api, sha256: str, fields: dict[str, Any], field: str) -> None:
    answer = api.post(f"/sample/{sha256}/fact", {"key": "k", "value": "v", "userAgent": AGENT, **fields})
    assert answer.status_code == 412
    assert answer.json()["messages"][0]["field"] == field


def test_a_key_with_nul_is_no_key(api: Api, sha256: str) -> None:
    assert api.get(f"/sample/{sha256}/fact?key=%00").status_code == 412


def test_access(api: Api, sha256: str) -> None:
    stranger = api.key(Role.analyzer, "other")
    assert api.get(f"/sample/{sha256}/fact", key=stranger).status_code == 403
    assert api.get(f"/sample/{'0' * 64}/fact").status_code == 404
    for role in (Role.viewer, Role.uploader, Role.user):
        assert api.post(f"/sample/{sha256}/fact", {}, role=role).status_code == 403
