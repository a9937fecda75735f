"""Links over the API (contract section 7)."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from orchestrator.domain.clock import now
from orchestrator.domain.ids import new_id
from orchestrator.domain.vocabulary import LinkType, Role, Tlp
from orchestrator.services import access
from orchestrator.services.links import SUMMARY_LIMIT
from orchestrator.store.tables import SampleLink, SampleRow
from tests.integration.api import Api

AGENT = {"name": "tests", "version": "1"}


def body(reference: str, **fields: Any) -> dict[str, Any]:
    return {"reference": reference, "tlp": "amber", "type": "child", "userAgent": AGENT, **fields}


def link(api: Api, sha256: str, reference: str, *, key: str | None = None, **fields: Any) -> dict[str, Any]:
    answer = api.post(f"/sample/{sha256}/link", body(reference, **fields), key=key)
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


@pytest.fixture
def sha256(api: Api) -> str:
    submitted: str = api.submit()["sampleSha256"]
    return submitted


def test_a_link_shows_the_other_sample(api: Api, sha256: str) -> None:
    """Its metadata is that of its own page; no link back is made."""
    other = api.submit(b"the other one")["sampleSha256"]
    made = link(api, sha256, other.upper(), type="executes", tlp="green", acl=["default-viewer"])
    assert made["referencedSample"] == api.get(f"/sample/{other}").json()["data"]
    assert (made["type"], made["tlp"], made["flags"]) == ("executes", "green", [])
    assert (made["sampleSha256"], made["userAgent"]) == (sha256, AGENT)
    assert made["customer"]["shortName"] == "default"
    assert [each["subject"]["shortName"] for each in made["acl"]] == ["default-viewer"]
    assert api.get(f"/sample/{sha256}/link/{made['id']}", role=Role.viewer).json()["data"] == made
    assert api.get(f"/sample/{sha256}/link").json()["data"] == [made]
    assert api.get(f"/sample/{other}/link").json()["data"] == []


def test_a_dead_reference_lives_when_its_sample_comes(api: Api, sha256: str) -> None:
    from hashlib import sha256 as digest

    content = b"comes later"
    reference = digest(content).hexdigest()
    made = link(api, sha256, reference)
    assert made["flags"] == ["deadReference"]
    assert made["referencedSample"] == {"sha256": reference, "flags": []}
    api.submit(content)
    later = api.get(f"/sample/{sha256}/link/{made['id']}").json()["data"]
    assert later["flags"] == []
    assert later["referencedSample"]["size"] == len(content)
    with api.begin() as uow:
        uow.session.get_one(SampleRow, reference).deleted_at = now()
        uow.commit()
    gone = api.get(f"/sample/{sha256}/link/{made['id']}").json()["data"]
    assert gone["flags"] == ["deadReference"]
    assert gone["referencedSample"]["flags"] == ["deleted"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"reference": "nothing"}, "reference"),
        ({"reference": None}, "reference"),
        ({"type": "cousin"}, "type"),
        ({"tlp": None}, "tlp"),
        ({"userAgent": {"name": "a"}}, "userAgent.version"),
        ({"customer": "nobody"}, "customer"),
        ({"acl": [99999]}, "acl"),
    ],
)
def test_a_wrong_field_is_refused(api: Api, sha256: str, fields: dict[str, Any], field: str) -> None:
    answer = api.post(f"/sample/{sha256}/link", {**body("f" * 64), **fields})
    assert answer.status_code == 412
    assert answer.json()["messages"][0]["field"] == field
    assert api.get(f"/sample/{sha256}/link").json()["count"] == 0


def test_the_newest_comes_first_in_pages(api: Api, sha256: str) -> None:
    ids = [link(api, sha256, f"{number}" * 64)["id"] for number in range(4)]
    answer = api.get(f"/sample/{sha256}/link?limit=2&offset=1").json()
    assert [each["id"] for each in answer["data"]] == ids[::-1][1:3]
    assert answer["count"] == 4


def test_the_summary_counts_the_first_thousand(api: Api, sha256: str) -> None:
    """`summary` is no id; beyond a thousand links it says that it is incomplete."""
    path = f"/sample/{sha256}/link/summary"
    assert api.get(path, role=Role.viewer).json()["data"] == {"linkTypeSummary": [], "flags": []}
    for kind in ("loads", "parent", "loads"):
        link(api, sha256, "a" * 64, type=kind)
    assert api.get(path).json()["data"]["linkTypeSummary"] == [
        {"type": "parent", "count": 1},
        {"type": "loads", "count": 2},
    ]
    with api.begin() as uow:
        user = access.service_user(uow)
        uow.session.add_all(
            SampleLink(
                id=new_id(),
                sample_sha256=sha256,
                reference="b" * 64,
                type=LinkType.executes,
                tlp=Tlp.amber,
                customer_id=user.customer_id,
                user_id=user.id,
                user_agent_name="x",
                user_agent_version="1",
                created_at=now(),
            )
            for _ in range(SUMMARY_LIMIT - 2)
        )
        uow.commit()
    summary = api.get(path).json()["data"]
    assert summary["flags"] == ["incompleteTypeCount"]
    assert sum(each["count"] for each in summary["linkTypeSummary"]) == SUMMARY_LIMIT
    assert summary["linkTypeSummary"][1] == {"type": "loads", "count": 2}


def test_unknown_and_foreign_ids(api: Api, sha256: str) -> None:
    other = api.submit(b"another sample")["sampleSha256"]
    foreign = link(api, other, sha256)["id"]
    for wrong, status in ((foreign, 404), (uuid4(), 404), ("no-uuid", 412)):
        assert api.get(f"/sample/{sha256}/link/{wrong}").status_code == status
    assert api.get(f"/sample/{'0' * 64}/link").status_code == 404
    assert api.post(f"/sample/{'0' * 64}/link", body(sha256)).status_code == 404


def test_who_reads_whose(api: Api, sha256: str) -> None:
    """Another customer reads what was shared or is green, and only the hash of what it may not see."""
    stranger = api.key(Role.analyzer, "other")
    hidden = api.submit(b"hidden")["sampleSha256"]
    api.submit(key=stranger)
    amber = link(api, sha256, hidden)
    green = link(api, sha256, hidden, tlp="green", type="loads")
    link(api, sha256, hidden, type="parent", acl="other-analyzer")
    listed = api.get(f"/sample/{sha256}/link", key=stranger).json()["data"]
    assert [each["type"] for each in listed] == ["parent", "loads"]
    assert listed[0]["referencedSample"] == {"sha256": hidden, "flags": []}
    assert listed[0]["flags"] == []
    assert green["referencedSample"]["size"] == len(b"hidden")
    assert api.get(f"/sample/{sha256}/link/{amber['id']}", key=stranger).status_code == 403
    summary = api.get(f"/sample/{sha256}/link/summary", key=stranger).json()["data"]
    assert [each["type"] for each in summary["linkTypeSummary"]] == ["parent", "loads"]
    assert link(api, sha256, hidden, key=stranger)["customer"]["shortName"] == "other"
    answer = api.post(f"/sample/{sha256}/link", body(hidden, customer="default"), key=stranger)
    assert answer.status_code == 403


@pytest.mark.parametrize("role", [Role.viewer, Role.uploader, Role.user])
def test_only_analyzers_add(api: Api, sha256: str, role: Role) -> None:
    assert api.post(f"/sample/{sha256}/link", {}, role=role).status_code == 403
