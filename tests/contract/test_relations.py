"""Contract section 7: links, static facts and classifications."""

import uuid
from typing import Any

import pytest

from tests.contract.driver import AGENT, Api, Submitted, await_, refused, unique

LINK_TYPES = ("parent", "child", "downloads", "loads", "executes")


def add_link(api: Api, sha256: str, reference: str, kind: str = "child", **fields: Any) -> dict[str, Any]:
    return dict(api.sample.add_link(sha256, reference, "amber", kind, AGENT, **fields)["data"])


def test_a_link_describes_the_other_sample(analyzer: Api, submitted: Submitted) -> None:
    """200 with the referenced sample's metadata; no link back is made."""
    other = analyzer.submit()
    link = add_link(analyzer, submitted.sha256, other.sha256, "executes", customer="default")
    assert analyzer.status in {200, 201}
    assert (link["type"], link["sampleSha256"], link["tlp"]) == ("executes", submitted.sha256, "amber")
    assert link["referencedSample"]["sha256"] == other.sha256
    assert link["referencedSample"]["size"] == len(other.data)
    assert (link["userAgent"], link["flags"]) == (AGENT, [])
    assert link["customer"]["shortName"] == "default"
    assert analyzer.sample.get_link(submitted.sha256, link["id"])["data"] == link
    assert analyzer.sample.list_links(submitted.sha256)["data"] == [link]
    assert analyzer.sample.list_links(other.sha256)["data"] == []


def test_a_reference_may_lead_nowhere(analyzer: Api, submitted: Submitted) -> None:
    """A sample that is not here is a dead reference, or refused; what is no hash is always refused."""
    body = {"reference": "f" * 64, "tlp": "amber", "type": "child", "userAgent": AGENT}
    response = analyzer.send("POST", f"/sample/{submitted.sha256}/link", json=body)
    assert response.status_code in {200, 412}
    if response.status_code == 200:
        assert response.json()["data"]["flags"] == ["deadReference"]
        assert response.json()["data"]["referencedSample"]["sha256"] == "f" * 64


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("reference", "nothing"),
        ("reference", None),
        ("type", "cousin"),
        ("type", None),
        ("tlp", "pink"),
        ("tlp", None),
        ("userAgent", None),
        ("userAgent", {"name": "a"}),
        ("customer", "nobody-by-that-name"),
    ],
)
def test_a_wrong_link_is_refused(analyzer: Api, submitted: Submitted, field: str, value: Any) -> None:
    body = {"reference": "f" * 64, "tlp": "amber", "type": "child", "userAgent": AGENT, field: value}
    response = analyzer.send("POST", f"/sample/{submitted.sha256}/link", json=body)
    assert response.status_code == 412
    assert response.json()["messages"][0]["field"].startswith(field)
    assert analyzer.sample.list_links(submitted.sha256)["count"] == 0


def test_the_link_summary_counts_types(analyzer: Api, submitted: Submitted) -> None:
    """`summary` is not taken for an id."""
    assert analyzer.sample.get_link_summary(submitted.sha256)["data"]["linkTypeSummary"] == []
    other = analyzer.submit().sha256
    for number, kind in enumerate(LINK_TYPES):
        for _ in range(number + 1):
            add_link(analyzer, submitted.sha256, other, kind)
    summary = analyzer.sample.get_link_summary(submitted.sha256)["data"]
    counts = {entry["type"]: entry["count"] for entry in summary["linkTypeSummary"]}
    assert counts == {kind: number + 1 for number, kind in enumerate(LINK_TYPES)}
    assert summary.get("flags", []) == []


def test_a_link_belongs_to_its_sample(analyzer: Api, submitted: Submitted) -> None:
    other = analyzer.submit().sha256
    link = add_link(analyzer, other, submitted.sha256)["id"]
    for wrong in (link, str(uuid.uuid4())):
        with refused(404):
            analyzer.sample.get_link(submitted.sha256, wrong)
    with refused(412, 404):
        analyzer.sample.get_link(submitted.sha256, "no-uuid")


@pytest.mark.parametrize(
    "function",
    ["list_links", "get_link_summary", "list_static_fact", "list_classifications", "list_verdicts"],
)
def test_an_unknown_sample_has_none(analyzer: Api, function: str) -> None:
    with refused(404):
        getattr(analyzer.sample, function)("0" * 64)


def test_nothing_is_added_to_an_unknown_sample(analyzer: Api) -> None:
    unknown = "0" * 64
    for call in (
        lambda: add_link(analyzer, unknown, unknown),
        lambda: analyzer.sample.add_static_fact(unknown, "k", AGENT, "v"),
        lambda: analyzer.sample.add_verdict(unknown, "c", "benign"),
        lambda: analyzer.sample.reclassify_sample(unknown),
    ):
        with refused(404):
            call()


def test_a_fact_has_a_key_and_a_value(analyzer: Api, submitted: Submitted) -> None:
    """201, and it is listed by key."""
    keys = [unique() for _ in range(3)]
    added = [
        analyzer.sample.add_static_fact(submitted.sha256, key, AGENT, f"{key} ü")["data"] for key in keys
    ]
    assert analyzer.status == 201
    for fact, key in zip(added, keys, strict=True):
        assert (fact["key"], fact["value"], fact["userAgent"]) == (key, f"{key} ü", AGENT)
        assert fact["sampleSha256"] == submitted.sha256
    listed = analyzer.sample.list_static_fact(submitted.sha256)["data"]
    assert listed == sorted(added, key=lambda f: f["key"])
    assert (
        analyzer.sample.list_static_fact(submitted.sha256, sortBy="-createdTimestamp")["data"] == added[::-1]
    )


def test_keys_select_facts(analyzer: Api, submitted: Submitted) -> None:
    """One key may have several values; several keys are alternatives."""
    for key, value in (("a", "1"), ("a", "2"), ("b", "3"), ("c", "4")):
        analyzer.sample.add_static_fact(submitted.sha256, key, AGENT, value)

    def values(*keys: str) -> set[str]:
        return {f["value"] for f in analyzer.sample.list_static_fact(submitted.sha256, key=keys)["data"]}

    assert values("a") == {"1", "2"}
    assert values("a", "c") == {"1", "2", "4"}
    assert values("d") == set()


@pytest.mark.parametrize("missing", ["key", "value", "userAgent"])
def test_what_a_fact_requires(analyzer: Api, submitted: Submitted, missing: str) -> None:
    body = {"key": "k", "value": "v", "userAgent": AGENT}
    del body[missing]
    response = analyzer.send("POST", f"/sample/{submitted.sha256}/fact", json=body)
    assert response.status_code == 412
    assert response.json()["messages"][0]["field"] == missing


def test_reclassifying_appends_a_classification(analyzer: Api) -> None:
    """The newest is first, and it is the one in the metadata."""
    sample = analyzer.submit(b"#!/bin/sh\necho " + unique().encode() + b"\n")
    before = analyzer.sample.list_classifications(sample.sha256)["count"]
    classification = analyzer.sample.reclassify_sample(sample.sha256)["data"]
    assert analyzer.status == 200
    assert classification["type"]
    listed = analyzer.sample.list_classifications(sample.sha256)
    assert listed["count"] == before + 1
    assert listed["data"][0] == classification
    meta = analyzer.sample.get_sample_meta_data(sample.sha256)["data"]
    assert meta["latestClassification"] == classification


def test_different_files_have_different_types(analyzer: Api) -> None:
    word = unique().encode()
    files = (
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + word * 40,
        b"%PDF-1.4\n" + word * 40,
        b"PK\x05\x06" + bytes(18),
    )
    types = set()
    for data in files:
        sha256 = analyzer.submit(data).sha256
        types.add(analyzer.sample.reclassify_sample(sha256)["data"]["type"])
    assert len(types) == 3


def test_a_sample_is_classified_by_its_job(admin: Api, policy: Any) -> None:
    """After an upload the service's own worker classifies the sample, with nothing asked for."""
    policy(workers=["filetype"])
    sample = admin.submit(b"%PDF-1.4\n" + unique().encode() * 40)

    def classified() -> dict[str, Any] | None:
        return admin.sample.get_sample_meta_data(sample.sha256)["data"].get("latestClassification")

    found = await_(classified, "the classification")
    assert admin.sample.list_classifications(sample.sha256)["data"][0] == found
