"""The report: an honest one survives the way, anything else is refused whatever it looks like."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from orchestrator.sandbox.wire import MAX_DEPTH, Unacceptable, decode, encode, flatten, storable
from orchestrator.worker import AnalysisWorker, Evidence, Findings, Tag

SCRATCH = Path("/scratch")


class Result(BaseModel):
    count: int


WORKER = AnalysisWorker("plain", "1.0", lambda _: Findings())
MODELLED = AnalysisWorker("modelled", "1.0", lambda _: Findings(), result_model=Result)


def _report(**changes: object) -> dict:
    findings = flatten(Findings(score=10, tags=[Tag("family", "a")]), WORKER, SCRATCH)
    return {"ending": "finished", "message": "", "findings": findings | changes}


def test_a_model_becomes_an_object():
    flat = flatten(Findings(result=Result(count=3)), MODELLED, SCRATCH)
    assert decode(encode("finished", "", flat))[2].result == {"count": 3}


def test_a_mapping_is_checked_against_the_workers_model():
    with pytest.raises(ValueError, match="count"):
        flatten(Findings(result={"count": "many"}), MODELLED, SCRATCH)


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "/scratch/../x", "/scratch", "."])
def test_a_path_outside_the_scratch_folder_is_refused(path):
    with pytest.raises(ValueError, match="scratch folder"):
        flatten(Findings(evidence=[Evidence(Path(path), "x")]), WORKER, SCRATCH)


@pytest.mark.parametrize("path", ["/scratch/a/b", "a/b", "/scratch/x/../a/b"])
def test_a_path_inside_becomes_relative(path):
    flat = flatten(Findings(evidence=[Evidence(Path(path), "x")]), WORKER, SCRATCH)
    assert flat["evidence"][0]["path"] == "a/b"


def test_not_a_number_is_not_json():
    with pytest.raises(ValueError, match="not JSON compliant"):
        encode("finished", "", flatten(Findings(result={"entropy": float("nan")}), WORKER, SCRATCH))


@pytest.mark.parametrize(
    "changes",
    [
        {"score": 101},
        {"score": -2},
        {"score": "10"},
        {"score": True},
        {"score": 1.5},
        {"result": []},
        {"tags": [{"type": "evil", "value": "a"}]},
        {"tags": {}},
        {"evidence": [{"path": 1}]},
        {"children": [{"path": "a", "name": "", "relation": "sibling"}]},
        {"possible_detections": -1},
        {"verdict_status_override": "unknown"},
        {"detections": [{"name": "a", "assessment": "unknown", "__class__": "os.system"}]},
        {"extra": 1},
    ],
)
def test_each_field_is_checked(changes):
    with pytest.raises(Unacceptable):
        decode(json.dumps(_report(**changes)).encode())


@pytest.mark.parametrize(
    "report",
    [
        {"ending": "finished", "message": "", "findings": None},
        {"ending": "failed", "message": "", "findings": _report()["findings"]},
        {"ending": "cancelled", "message": "", "findings": None},
        {"ending": "timeout", "message": "", "findings": None},
    ],
)
def test_a_child_names_only_endings_that_are_its_own(report):
    with pytest.raises(Unacceptable):
        decode(json.dumps(report).encode())


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_constants_that_json_does_not_have_are_refused(constant):
    report = json.dumps(_report(result={"x": "here"})).replace('"here"', constant)
    with pytest.raises(Unacceptable, match="not JSON"):
        decode(report.encode())


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 100_000])
def test_depth_has_a_limit(depth):
    nested = '{"a":' * depth + "1" + "}" * depth
    report = json.dumps(_report(result={"x": "here"})).replace('"here"', nested)
    with pytest.raises(Unacceptable):
        decode(report.encode())


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(report):
    with pytest.raises(Unacceptable):
        decode(report)


@given(st.text())
def test_storable_text_can_be_stored(text):
    assert "\x00" not in storable(text)
    storable(text).encode()
