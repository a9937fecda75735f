"""Contract section 6: analyses and their evidence."""

import time
import uuid
from typing import Any

import pytest

from tests.contract.driver import AGENT, Api, Submitted, fields_of, refused, sha256_of, unique

RICH: dict[str, Any] = {
    "analysisResult": {"nested": {"list": [1, None, "ü"], "empty": {}}, "null": None},
    "tlp": "green",
    "userAgent": {"name": "sandbox.x:1", "version": "7.1 (beta)"},
    "executedWithInternetAccess": True,
    "possibleDetections": 70,
    "profile": "win10 x64",
    "tags": [{"type": "family", "value": "emotet"}, {"type": "behaviour", "value": "beacons"}],
    "triggeredDetections": [
        {"name": "Trojan.Generic", "assessment": "malicious"},
        {"name": "packed", "assessment": "informational"},
    ],
    "verdictStatusOverride": "malicious",
}


def test_every_field_comes_back(analyzer: Api, submitted: Submitted) -> None:
    """What was given is what is stored and read; 200, not 201."""
    added = analyzer.add_analysis(submitted.sha256, 99, **RICH)
    assert analyzer.status in {200, 201}
    read = analyzer.sample.get_analysis(submitted.sha256, added["analysisID"])["data"]
    assert read == added
    for name, value in RICH.items():
        if name not in {"executedWithInternetAccess", "tags"}:
            assert read[name] == value, name
    assert sorted(map(str, read["tags"])) == sorted(map(str, RICH["tags"]))
    assert (read["analysisScore"], read["sampleSha256"]) == (99, submitted.sha256)
    assert read["flags"] == ["executedWithInternetAccess"]
    assert read["customer"]["shortName"] == "default"
    assert abs(read["createdTimestamp"] - time.time() * 1000) < 600_000


def test_the_least_body_is_enough(analyzer: Api, submitted: Submitted) -> None:
    added = analyzer.add_analysis(submitted.sha256)
    assert added["flags"] == []
    assert not {"job", "verdictStatusOverride", "profile"} & added.keys()
    assert uuid.UUID(added["analysisID"])


@pytest.mark.parametrize("score", [-1, 0, 100])
def test_scores_run_from_minus_one_to_hundred(analyzer: Api, submitted: Submitted, score: int) -> None:
    assert analyzer.add_analysis(submitted.sha256, score)["analysisScore"] == score


@pytest.mark.parametrize("result", [[], [1, {"a": 2}], "text", 7, True, {}])
def test_a_result_is_any_json_value(analyzer: Api, submitted: Submitted, result: Any) -> None:
    added = analyzer.add_analysis(submitted.sha256, analysisResult=result)
    read = analyzer.sample.get_analysis(submitted.sha256, added["analysisID"])["data"]
    assert read["analysisResult"] == result


@pytest.mark.parametrize("missing", ["analysisResult", "analysisScore", "customer", "tlp", "userAgent"])
def test_what_is_required(analyzer: Api, submitted: Submitted, missing: str) -> None:
    body = {
        "analysisResult": {},
        "analysisScore": 1,
        "customer": "default",
        "tlp": "amber",
        "userAgent": AGENT,
    }
    del body[missing]
    response = analyzer.send("POST", f"/sample/{submitted.sha256}/analysis", json=body)
    assert response.status_code == 412
    assert response.json()["messages"][0]["field"] == missing


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("analysisScore", -2),
        ("analysisScore", 101),
        ("analysisScore", "high"),
        ("analysisScore", 1.5),
        ("tlp", "purple"),
        ("userAgent", {"name": "a b", "version": "1"}),
        ("customer", "nobody-by-that-name"),
        ("tags", [{"type": "colour", "value": "x"}]),
        ("tags", [{"type": "family"}]),
        ("tags", "emotet"),
        ("triggeredDetections", [{"name": "x", "assessment": "bad"}]),
        ("triggeredDetections", [{"assessment": "benign"}]),
        ("verdictStatusOverride", "unknown"),
        ("possibleDetections", "many"),
        ("executedWithInternetAccess", "perhaps"),
        ("profile", "\x00"),
    ],
)
def test_a_wrong_field_is_refused(analyzer: Api, submitted: Submitted, field: str, value: Any) -> None:
    body = {
        "analysisResult": {},
        "analysisScore": 1,
        "customer": "default",
        "tlp": "amber",
        "userAgent": AGENT,
        field: value,
    }
    response = analyzer.send("POST", f"/sample/{submitted.sha256}/analysis", json=body)
    assert response.status_code == 412
    assert response.json()["messages"][0]["field"].startswith(field)


def test_the_newest_comes_first(analyzer: Api, submitted: Submitted) -> None:
    ids = [analyzer.add_analysis(submitted.sha256)["analysisID"] for _ in range(3)]
    listed = analyzer.sample.list_analysis(submitted.sha256)
    assert [a["analysisID"] for a in listed["data"]] == ids[::-1]
    assert listed["count"] == 3


def test_an_analysis_belongs_to_its_sample(analyzer: Api, submitted: Submitted) -> None:
    foreign = analyzer.add_analysis(analyzer.submit().sha256)["analysisID"]
    for wrong in (foreign, str(uuid.uuid4())):
        with refused(404):
            analyzer.sample.get_analysis(submitted.sha256, wrong)
        with refused(404):
            analyzer.sample.list_evidence(submitted.sha256, wrong)
        with refused(404):
            analyzer.sample.upload_evidence(submitted.sha256, wrong, "x")
    with refused(412, 404):
        analyzer.sample.get_analysis(submitted.sha256, "no-uuid")


def test_an_unknown_sample_takes_no_analysis(analyzer: Api) -> None:
    with refused(404):
        analyzer.add_analysis("0" * 64)
    with refused(404):
        analyzer.sample.list_analysis("0" * 64)
    with refused(404):
        analyzer.sample.get_analysis_summary("0" * 64)


def test_the_summary_names_the_analysers_and_the_latest(analyzer: Api, submitted: Submitted) -> None:
    """Each user agent once; `summary` is not taken for an id."""
    summary = analyzer.sample.get_analysis_summary(submitted.sha256)["data"]
    assert summary["analysers"] == []
    assert "latestAnalysis" not in summary
    agents = [{"name": "a", "version": "1"}, {"name": "b", "version": "1"}, {"name": "a", "version": "2"}]
    for agent in [*agents, agents[1]]:
        latest = analyzer.add_analysis(submitted.sha256, 55, userAgent=agent)
    summary = analyzer.sample.get_analysis_summary(submitted.sha256)["data"]
    assert sorted(map(str, summary["analysers"])) == sorted(map(str, agents))
    assert summary["latestAnalysis"] == {
        "id": latest["analysisID"],
        "analysisScore": 55,
        "userAgent": agents[1],
    }


def test_an_acl_is_resolved(analyzer: Api, submitted: Submitted) -> None:
    me = analyzer.me
    added = analyzer.add_analysis(submitted.sha256, acl=[me["shortName"]])
    assert [entry["subject"]["id"] for entry in added["acl"]] == [me["id"]]


@pytest.fixture
def analysis(analyzer: Api, submitted: Submitted) -> str:
    return str(analyzer.add_analysis(submitted.sha256)["analysisID"])


def test_evidence_is_bytes_of_any_type(analyzer: Api, submitted: Submitted, analysis: str) -> None:
    """Streamed in with a type, described, and given back as it was; the analysis is flagged."""
    data = unique().encode() * 50_000
    url = f"/sample/{submitted.sha256}/analysis/{analysis}/evidence/net-1.pcap"
    response = analyzer.send("POST", url, data=data, headers={"Content-Type": "application/vnd.tcpdump.pcap"})
    assert response.status_code == 201
    evidence = response.json()["data"]
    assert (evidence["fileName"], evidence["size"]) == ("net-1.pcap", len(data))
    assert (evidence["mimeType"], evidence["checksum"]) == ("application/vnd.tcpdump.pcap", sha256_of(data))
    assert evidence["flags"] == []
    arguments = (submitted.sha256, analysis, evidence["id"])
    assert analyzer.sample.get_evidence(*arguments)["data"] == evidence
    got = analyzer.sample.get_evidence_data(*arguments)
    assert got.content == data
    assert got.headers["Content-Type"] == "application/vnd.tcpdump.pcap"
    assert analyzer.sample.get_analysis(submitted.sha256, analysis)["data"]["flags"] == ["hasEvidence"]
    assert analyzer.sample.list_evidence(submitted.sha256, analysis)["data"] == [evidence]


def test_evidence_without_a_type(analyzer: Api, submitted: Submitted, analysis: str) -> None:
    url = f"/sample/{submitted.sha256}/analysis/{analysis}/evidence/dump"
    response = analyzer.send("POST", url, data=b"\x00\x01", headers={"Content-Type": None})
    assert response.json()["data"]["mimeType"] == "application/octet-stream"


def test_the_generated_function_uploads_json(analyzer: Api, submitted: Submitted, analysis: str) -> None:
    """The flags come as Python spells them: `internal=True`."""
    answer = analyzer.sample.upload_evidence(
        submitted.sha256,
        analysis,
        "report.json",
        internal=True,
        potentiallyMalicious=True,
        body={"n": [1, 2]},
    )
    assert "internal=True" in (analyzer.last.request.url or "")
    evidence = answer["data"]
    assert evidence["mimeType"] == "application/json"
    assert set(evidence["flags"]) == {"internal", "potentiallyMalicious"}
    got = analyzer.sample.get_evidence_data(submitted.sha256, analysis, evidence["id"])
    assert got.json() == {"n": [1, 2]}
    plain = analyzer.sample.upload_evidence(submitted.sha256, analysis, "x", internal=False)["data"]
    assert plain["flags"] == []


@pytest.mark.parametrize("value", ["true", "TRUE", "True", "false", "False"])
def test_booleans_in_any_case(analyzer: Api, submitted: Submitted, analysis: str, value: str) -> None:
    url = f"/sample/{submitted.sha256}/analysis/{analysis}/evidence/b?internal={value}"
    flags = analyzer.data("POST", url, data=b"x")["flags"]
    assert flags == (["internal"] if value.lower() == "true" else [])


def test_what_is_no_boolean_is_refused(analyzer: Api, submitted: Submitted, analysis: str) -> None:
    url = f"/sample/{submitted.sha256}/analysis/{analysis}/evidence/b?internal=perhaps"
    response = analyzer.send("POST", url, data=b"x")
    assert response.status_code == 412
    assert response.json()["messages"][0]["field"] == "internal"


@pytest.mark.parametrize("name", ["a%20b", "%C3%A4", "a%3Bb", "a,b"])
def test_an_evidence_name_has_a_pattern(
    analyzer: Api, submitted: Submitted, analysis: str, name: str
) -> None:
    url = f"/sample/{submitted.sha256}/analysis/{analysis}/evidence/{name}"
    assert analyzer.send("POST", url, data=b"x").status_code == 412
    assert analyzer.sample.list_evidence(submitted.sha256, analysis)["count"] == 0


def test_evidence_belongs_to_its_analysis(analyzer: Api, submitted: Submitted, analysis: str) -> None:
    other = analyzer.add_analysis(submitted.sha256)["analysisID"]
    evidence = analyzer.sample.upload_evidence(submitted.sha256, other, "x")["data"]["id"]
    for function in (analyzer.sample.get_evidence, analyzer.sample.get_evidence_data):
        assert function(submitted.sha256, other, evidence)
        with refused(404):
            function(submitted.sha256, analysis, evidence)
        with refused(404):
            function(submitted.sha256, other, str(uuid.uuid4()))
        with refused(412, 404):
            function(submitted.sha256, other, "no-uuid")


def test_two_pieces_of_evidence_may_share_a_name(analyzer: Api, submitted: Submitted, analysis: str) -> None:
    ids = {
        analyzer.sample.upload_evidence(submitted.sha256, analysis, "same")["data"]["id"] for _ in range(2)
    }
    assert len(ids) == 2
    listed = analyzer.sample.list_evidence(submitted.sha256, analysis)
    assert {e["id"] for e in listed["data"]} == ids


def test_a_scalar_tag_list_is_no_tag(analyzer: Api, submitted: Submitted) -> None:
    with refused(412) as caught:
        analyzer.add_analysis(submitted.sha256, tags=7)
    assert fields_of(caught)[0].startswith("tags")
