"""The tree of a sample over the API: cycles, limits, and what the caller may not see."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.domain.vocabulary import Role
from tests.integration.api import Api

AGENT = {"name": "tests", "version": "1.0"}


def link(api: Api, parent: str, child: str, kind: str = "child", **options: Any) -> None:
    body = {"reference": child, "type": kind, "tlp": "amber", "userAgent": AGENT}
    answer = api.post(f"/sample/{parent}/link", body, **options)
    assert answer.status_code == 200, answer.text


def tree(api: Api, sha256: str, **options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    answer = api.get(f"/sample/{sha256}/tree", **options)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"], answer.json()["metaData"]


def outline(node: dict[str, Any]) -> dict[str, Any]:
    """Names alone, nested; a repeated node's ends with a star."""
    return {
        (child.get("fileName") or child["sha256"]) + "*" * child["repeated"]: outline(child)
        for child in node["children"]
    }


@pytest.fixture
def family(api: Api) -> dict[str, str]:
    """a holds b and c, b holds c, c holds a again and downloads d."""
    names = ("a", "b", "c", "d")
    made = {name: api.submit(name.encode(), fileName=name)["sampleSha256"] for name in names}
    for parent, child in ("ab", "ac", "ac", "bc", "ca"):
        link(api, made[parent], made[child])
    link(api, made["c"], made["d"], "downloads")
    link(api, made["d"], made["a"], "parent")
    return made


def test_every_sample_is_expanded_once(api: Api, family: dict[str, str]) -> None:
    """A cycle ends; the same link twice is one; a parent is no child."""
    root, meta = tree(api, family["a"])
    assert outline(root) == {"b": {"c*": {}}, "c": {"a*": {}, "d": {}}}
    assert meta == {"size": 6, "complete": True}
    downloaded = root["children"][1]["children"][1]
    assert (downloaded["relation"], downloaded["size"]) == ("downloads", 1)


@pytest.mark.parametrize(
    ("limits", "expected", "complete"),
    [
        ({"depth": 0}, {}, False),
        ({"depth": 1}, {"b": {}, "c": {}}, False),
        ({"depth": 2}, {"b": {"c*": {}}, "c": {"a*": {}, "d": {}}}, True),
        ({"limit": 2}, {"b": {}}, False),
        ({"limit": 4}, {"b": {"c*": {}}, "c": {}}, False),
    ],
    ids=str,
)
def test_limits(
    api: Api, family: dict[str, str], limits: dict[str, int], expected: dict[str, Any], complete: bool
) -> None:
    root, meta = tree(api, family["a"], params=limits)
    assert outline(root) == expected
    assert meta["complete"] is complete


def test_sight(api: Api, family: dict[str, str]) -> None:
    """Of a foreign sample the hash alone is shown, and nothing below it; a foreign root is refused."""
    stranger = api.key(Role.analyzer, "elsewhere")
    secret = api.submit(b"secret", fileName="secret", key=stranger)["sampleSha256"]
    below = api.submit(b"below", fileName="below", key=stranger)["sampleSha256"]
    link(api, secret, below, key=stranger)
    link(api, family["d"], secret)
    link(api, family["d"], "0" * 64)
    root, meta = tree(api, family["d"])
    assert outline(root) == {secret: {}, "0" * 64: {}}
    assert {name for name in ("size", "type", "fileName") if name in root["children"][0]} == set()
    assert meta["complete"]
    assert api.get(f"/sample/{family['a']}/tree", key=stranger).status_code == 403
    assert api.get(f"/sample/{'1' * 64}/tree").status_code == 404
    assert api.get(f"/sample/{family['a']}/tree", params={"depth": 17}).status_code == 412
