"""Analyses over the API (contract section 6)."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from orchestrator.domain.clock import now
from orchestrator.domain.vocabulary import Role
from orchestrator.store.tables import RegisteredWorker
from tests.integration.api import Api

LEAST: dict[str, Any] = {
    "analysisResult": {},
    "analysisScore": 1,
    "customer": "default",
    "tlp": "amber",
    "userAgent": {"name": "tests", "version": "1.0"},
}


def add(api: Api, sha256: str, score: int = 1, *, key: str | None = None, **fields: Any) -> dict[str, Any]:
    body = {**LEAST, "analysisScore": score, **fields}
    answer = api.post(f"/sample/{sha256}/analysis", body, key=key)
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


@pytest.fixture
def sha256(api: Api) -> str:
    submitted: str = api.submit()["sampleSha256"]
    return submitted


def test_every_field_comes_back(api: Api, sha256: str) -> None:
    """What was given is what is answered, read and listed; the sample's metadata is not touched."""
    given = {
        "analysisResult": {"deep": [1, {"x": None}], "text": "Ünïcode"},
        "tlp": "white",
        "customer": api.submit()["customer"]["id"],
        "userAgent": {"name": "sandbox:x.1", "version": "7.1 (beta)"},
        "executedWithInternetAccess": True,
        "possibleDetections": 70,
        "profile": "win10 [x64]",
        "tags": [{"type": "family", "value": "emotet"}],
        "triggeredDetections": [{"name": "Gen.X", "assessment": "malicious"}],
        "verdictStatusOverride": "malicious",
        "acl": "default-viewer",
        "unheardOf": 1,
    }
    added = add(api, sha256, 99, **given)
    read = api.get(f"/sample/{sha256}/analysis/{added['analysisID']}", role=Role.viewer).json()["data"]
    assert read == added == api.get(f"/sample/{sha256}/analysis").json()["data"][0]
    same = ("analysisResult", "userAgent", "possibleDetections", "profile", "tags", "triggeredDetections")
    assert {name: read[name] for name in same} == {name: given[name] for name in same}
    assert (read["tlp"], read["analysisScore"], read["flags"]) == (
        "clear",
        99,
        ["executedWithInternetAccess"],
    )
    assert read["verdictStatusOverride"] == "malicious"
    assert read["customer"]["shortName"] == "default"
    assert read["createdByUser"]["shortName"] == "default-analyzer"
    (grant,) = read["acl"]
    assert grant["subject"]["shortName"] == "default-viewer"
    assert grant["grantedByUser"]["shortName"] == "default-analyzer"
    assert "job" not in read


def test_a_tag_given_twice_counts_once(api: Api, sha256: str) -> None:
    tag = {"type": "yara", "value": "packer"}
    assert add(api, sha256, tags=[tag, tag])["tags"] == [tag]


@pytest.mark.parametrize("result", [[], "text", 0, False, None, {"a": 2**63 - 1}])
def test_a_result_is_any_json(api: Api, sha256: str, result: Any) -> None:
    added = add(api, sha256, analysisResult=result)
    assert added.get("analysisResult") == result


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"analysisScore": 101}, "analysisScore"),
        ({"analysisScore": -2}, "analysisScore"),
        ({"tlp": "purple"}, "tlp"),
        ({"customer": "nobody"}, "customer"),
        ({"acl": ["nobody"]}, "acl"),
        ({"userAgent": {"name": "a b", "version": "1"}}, "userAgent.name"),
        ({"userAgent": {"name": "a", "version": "<1>"}}, "userAgent.version"),
        ({"profile": "<x>"}, "profile"),
        ({"possibleDetections": 2**31}, "possibleDetections"),
        ({"tags": [{"type": "colour", "value": "x"}]}, "tags.0.type"),
        ({"triggeredDetections": [{"name": "x"}]}, "triggeredDetections.0.assessment"),
        ({"verdictStatusOverride": "unknown"}, "verdictStatusOverride"),
        ({"analysisResult": {"a": ["\x00"]}}, "analysisResult"),
        ({"analysisResult": {"\x00": 1}}, "analysisResult"),
    ],
)
def test_a_wrong_field_is_refused(api: Api, sha256: str, body: dict[str, Any], field: str) -> None:
    answer = api.post(f"/sample/{sha256}/analysis", {**LEAST, **body})
    assert answer.status_code == 412
    (message, *_) = answer.json()["messages"]
    assert (message["type"], message["field"]) == ("FIELD_ERROR", field)
    assert api.get(f"/sample/{sha256}/analysis").json()["count"] == 0


@pytest.mark.parametrize(
    "result", ['"\\ud800"', "123456789012345678901234567890", "[" * 600 + "]" * 600, '{"\\udfff": 1}']
)
def test_what_no_store_can_keep_is_refused(api: Api, sha256: str, result: str) -> None:
    """A lone surrogate, a number beyond 64 bits, nesting without an end: 412, never 500."""
    text = (
        f'{{"analysisResult": {result}, "analysisScore": 1, "customer": "default", "tlp": "amber",'
        ' "userAgent": {"name": "t", "version": "1"}}'
    )
    answer = api.call(
        "POST",
        f"/sample/{sha256}/analysis",
        content=text.encode(),
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 412, answer.text
    assert answer.json()["messages"][0]["field"] == "analysisResult"


def test_text_that_looks_like_an_escape_is_kept(api: Api, sha256: str) -> None:
    assert add(api, sha256, analysisResult="\\u0000")["analysisResult"] == "\\u0000"


def test_the_newest_comes_first_in_pages(api: Api, sha256: str) -> None:
    ids = [add(api, sha256, score)["analysisID"] for score in range(5)]
    answer = api.get(f"/sample/{sha256}/analysis?limit=2&offset=1").json()
    assert [each["analysisID"] for each in answer["data"]] == ids[::-1][1:3]
    assert (answer["count"], answer["size"], answer["limit"], answer["offset"]) == (5, 2, 2, 1)
    assert api.get(f"/sample/{sha256}/analysis?limit=0").json()["size"] == 5


def test_the_summary(api: Api, sha256: str) -> None:
    """`summary` is no id; each user agent is named once."""
    path = f"/sample/{sha256}/analysis/summary"
    assert api.get(path, role=Role.viewer).json()["data"] == {"analysers": []}
    one, other = {"name": "a", "version": "1"}, {"name": "a", "version": "2"}
    add(api, sha256, 1, userAgent=one)
    add(api, sha256, 2, userAgent=other)
    latest = add(api, sha256, 3, userAgent=one)
    summary = api.get(path).json()["data"]
    assert summary["analysers"] == [one, other]
    assert summary["latestAnalysis"] == {"id": latest["analysisID"], "analysisScore": 3, "userAgent": one}


def test_unknown_and_foreign_ids(api: Api, sha256: str) -> None:
    other = api.submit(b"another sample")["sampleSha256"]
    foreign = add(api, other)["analysisID"]
    for wrong, status in ((foreign, 404), (uuid4(), 404), ("no-uuid", 412)):
        assert api.get(f"/sample/{sha256}/analysis/{wrong}").status_code == status
    assert api.get(f"/sample/{'0' * 64}/analysis").status_code == 404
    assert api.post(f"/sample/{'0' * 64}/analysis", LEAST).status_code == 404
    assert api.get("/sample/short/analysis").status_code == 412


@pytest.mark.parametrize("role", [Role.viewer, Role.uploader, Role.user])
def test_only_analyzers_add(api: Api, sha256: str, role: Role) -> None:
    """403 comes before the body is looked at."""
    assert api.post(f"/sample/{sha256}/analysis", {}, role=role).status_code == 403


def test_who_reads_whose(api: Api) -> None:
    """Another customer with a submission of its own reads what was shared or is green, nothing else."""
    sha256 = api.submit()["sampleSha256"]
    stranger = api.key(Role.analyzer, "other")
    reads = lambda: api.get(f"/sample/{sha256}/analysis", key=stranger)  # noqa: E731
    assert reads().status_code == 403
    api.submit(key=stranger)
    amber = add(api, sha256, userAgent={"name": "amber", "version": "1"})
    green = add(api, sha256, tlp="green", userAgent={"name": "green", "version": "1"})
    shared = add(api, sha256, acl=["other-analyzer"], userAgent={"name": "shared", "version": "1"})
    assert [each["analysisID"] for each in reads().json()["data"]] == [
        shared["analysisID"],
        green["analysisID"],
    ]
    one = f"/sample/{sha256}/analysis/{{}}"
    assert api.get(one.format(amber["analysisID"]), key=stranger).status_code == 403
    assert api.get(one.format(shared["analysisID"]), key=stranger).status_code == 200
    summary = api.get(one.format("summary"), key=stranger).json()["data"]
    assert [agent["name"] for agent in summary["analysers"]] == ["green", "shared"]
    assert api.get(f"/sample/{sha256}/analysis", role=Role.administrator).json()["count"] == 3


def test_nobody_analyses_in_another_s_name(api: Api, sha256: str) -> None:
    stranger = api.key(Role.analyzer, "other")
    api.submit(key=stranger)
    answer = api.post(f"/sample/{sha256}/analysis", LEAST, key=stranger)
    assert answer.status_code == 403
    api.key(Role.viewer, "third")
    assert add(api, sha256, key=api.keys[Role.administrator], customer="third")["customer"]["name"] == "third"


def test_a_result_is_held_against_the_worker_s_schema(tmp_path: Path, database_url: str) -> None:
    """Where the service is set to; a schema that refers elsewhere is not followed."""
    api = Api(tmp_path / "strict", database_url, enforce_worker_schema=True)
    schemas = {
        "typed": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]},
        "remote": {"$ref": "http://127.0.0.1:9/schema.json"},
        "broken": {"type": 7},
        "endless": {"$ref": "#"},
        "free": None,
    }
    with api.begin() as uow:
        uow.session.add_all(
            RegisteredWorker(short_name=name, result_schema=schema, created_at=now())
            for name, schema in schemas.items()
        )
        uow.commit()
    sha256 = api.submit()["sampleSha256"]

    def status(worker: str, result: Any) -> int:
        body = {**LEAST, "analysisResult": result, "userAgent": {"name": worker, "version": "1"}}
        answer = api.post(f"/sample/{sha256}/analysis", body)
        if answer.status_code == 412:
            assert answer.json()["messages"][0]["field"] == "analysisResult"
        return answer.status_code

    assert [status("typed", result) for result in ({"n": 1}, {"n": "1"}, {}, [])] == [200, 412, 412, 412]
    assert status("remote", {}) == 412
    assert status("broken", {}) == 412
    assert status("endless", {}) == 412
    assert status("free", {}) == 200
    assert status("unregistered", {}) == 200
    api.close()
