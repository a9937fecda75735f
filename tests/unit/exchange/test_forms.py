"""A record as STIX and as MISP: read back by their libraries, the same each time, hostile text as data."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest
import stix2
from pymisp import MISPEvent

from orchestrator.domain.vocabulary import Tlp
from orchestrator.exchange import misp, stix
from orchestrator.exchange.reading import judgement, observables, refang, strictest
from workers._indicators import defang

SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
HOSTILE = "x'] OR [file:name = '<script>alert(1)</script>\u202e\"}}.exe"
URL = "http://evil.example.com/a?b=c@d"


def analysis(name: str, number: int, score: int, tlp: str, **more: Any) -> dict[str, Any]:
    return {
        "analysisID": f"01986f3c-0000-7000-8000-00000000000{number}",
        "analysisResult": {},
        "analysisScore": score,
        "userAgent": {"name": name, "version": "1.0"},
        "tlp": tlp,
        "createdTimestamp": 1767225600000,
        "tags": [],
        "triggeredDetections": [],
        **more,
    }


@pytest.fixture
def record() -> dict[str, Any]:
    indicators = [
        {"kind": "url", "value": defang("url", URL)},
        {"kind": "domain", "value": defang("domain", "evil.example.com")},
        {"kind": "ipv4", "value": defang("ipv4", "198.51.100.7")},
        {"kind": "email", "value": defang("email", "who@example.org")},
        {"kind": "registry", "value": "HKLM\\Software\\x"},
        {"kind": "url", "value": defang("url", URL)},
        "no indicator",
    ]
    return {
        "sample": {
            "sha256": SHA256,
            "sha1": "a94a8fe5ccb19ba61c4c0873d391e987982fbbd3",
            "md5": "098f6bcd4621d373cade4e832627b4f6",
            "size": 4,
            "firstSubmittedTimestamp": 1767225600000,
            "latestVerdict": {"score": 90, "createdTimestamp": 1767225660000},
        },
        "submissions": [{"fileName": HOSTILE, "tlp": "green"}],
        "analyses": [
            analysis("strings", 1, -1, "green", analysisResult={"indicators": indicators}),
            analysis(
                "yara",
                2,
                90,
                "amber",
                triggeredDetections=[{"name": HOSTILE}],
                tags=[{"type": "family", "value": HOSTILE}],
            ),
        ],
        "verdicts": [],
    }


def stixed(record: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The objects by type, as the library's own parser takes them."""
    text = stix.bundle(record)
    assert stix2.parse(text, allow_custom=False).type == "bundle"
    found: dict[str, list[dict[str, Any]]] = {}
    for each in json.loads(text)["objects"]:
        found.setdefault(each["type"], []).append(each)
    return found


def test_stix_holds_the_file_the_analyses_and_what_was_seen(record: dict[str, Any]) -> None:
    found = stixed(record)
    (file,) = found["file"]
    assert (file["hashes"]["SHA-256"], file["name"], file["size"]) == (SHA256, HOSTILE, 4)
    assert [each["product"] for each in found["malware-analysis"]] == ["strings", "yara"]
    assert [each["result"] for each in found["malware-analysis"]] == ["unknown", "malicious"]
    assert found["malware-analysis"][1]["result_name"] == HOSTILE
    assert {each["sample_ref"] for each in found["malware-analysis"]} == {file["id"]}
    assert [each["value"] for each in found["url"]] == [URL]
    assert [each["value"] for each in found["email-addr"]] == ["who@example.org"]
    assert len(found["malware-analysis"][0]["analysis_sco_refs"]) == 4
    (indicator,) = found["indicator"]
    assert indicator["pattern"] == f"[file:hashes.'SHA-256' = '{SHA256}']"


def test_stix_marks_each_part_as_far_as_it_may_go(record: dict[str, Any]) -> None:
    found = stixed(record)
    marks = [each["object_marking_refs"] for each in found["malware-analysis"]]
    assert marks == [[stix2.TLP_GREEN.id], [stix2.TLP_AMBER.id]]
    assert found["file"][0]["object_marking_refs"] == [stix2.TLP_AMBER.id]
    assert {each["id"] for each in found["marking-definition"]} == {stix2.TLP_GREEN.id, stix2.TLP_AMBER.id}
    record["submissions"], record["analyses"] = [{"fileName": "x", "tlp": "clear"}], []
    assert stixed(record)["file"][0]["object_marking_refs"] == [stix2.TLP_WHITE.id]


def test_a_low_score_makes_no_indicator(record: dict[str, Any]) -> None:
    record["sample"]["latestVerdict"]["score"] = 69
    assert "indicator" not in stixed(record)
    record["sample"]["latestVerdict"] |= {"statusOverride": "malicious"}
    assert "indicator" in stixed(record)
    del record["sample"]["latestVerdict"]
    assert "indicator" not in stixed(record)


def test_misp_holds_the_same(record: dict[str, Any]) -> None:
    text = misp.event(record)
    event = MISPEvent()
    event.load(text)
    (file,) = event.objects
    assert {each.object_relation: each.value for each in file.attributes}["sha256"] == SHA256
    assert {each.object_relation: each.value for each in file.attributes}["filename"] == HOSTILE
    assert {each.type: each.value for each in event.attributes} == {
        "url": URL,
        "domain": "evil.example.com",
        "ip-dst": "198.51.100.7",
        "email": "who@example.org",
        "text": HOSTILE,
    }
    assert not any(each.to_ids for each in event.attributes)
    assert {each.object_relation: each.to_ids for each in file.attributes}["sha256"]
    assert {tag.name for tag in event.tags} == {"tlp:amber", f"family:{HOSTILE}"}
    assert (event.threat_level_id, event.distribution) == (1, 0)


@pytest.mark.parametrize("write", [stix.bundle, misp.event], ids=["stix", "misp"])
def test_the_same_record_gives_the_same_text(record: dict[str, Any], write: Any) -> None:
    assert write(record) == write(deepcopy(record))


@pytest.mark.parametrize("value", ["ftp://a.b/c.d", "https://x.example/[.]", URL])
def test_what_was_defanged_comes_back(value: str) -> None:
    assert refang(defang("url", value)) == value.replace("[.]", ".")


def test_labels_and_judgements(record: dict[str, Any]) -> None:
    assert strictest(record) is Tlp.amber
    assert strictest({"submissions": [], "analyses": []}) is Tlp.amber
    assert judgement(30) == "suspicious"
    assert judgement(0) == "unknown"
    assert judgement(100, "benign") == "benign"
    assert len(observables(record)) == 5
    assert observables({"analyses": [{"analysisResult": {"indicators": "no list"}}]}) == []
