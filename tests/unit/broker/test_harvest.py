"""From findings to what is recorded."""

from __future__ import annotations

import json
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from orchestrator.broker.harvest import harvest, storable
from orchestrator.domain.vocabulary import LinkType, StatusOverride
from orchestrator.store.blobs import LocalBlobs
from orchestrator.worker import AnalysisWorker, Child, Detection, Evidence, Findings, Tag

WORKER = AnalysisWorker("w", "1.0", lambda _: Findings(), network=True)

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=[])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=[])), inner),
    max_leaves=10,
)


@given(VALUES)
def test_anything_becomes_storable(value: object) -> None:
    """Whatever a worker returns can be written as JSON, without NUL, and read back the same."""
    stored = storable(value)
    text = orjson.dumps(stored).decode()
    assert "\\u0000" not in text
    assert json.loads(text) == stored


@pytest.mark.parametrize("value", ["plain", "ümlaut", 7, 1.5, True, None, {"a": [1, "b"]}])
def test_what_is_storable_stays(value: object) -> None:
    """Nothing is changed that need not be."""
    assert storable(value) == value


def test_files_are_in_the_blob_store_first(tmp_path: Path) -> None:
    """Evidence and children are stored when the analysis is handed on."""
    blobs = LocalBlobs(tmp_path / "blobs")
    evidence, child = tmp_path / "e", tmp_path / "c"
    evidence.write_bytes(b"evidence")
    child.write_bytes(b"child")
    found = Findings(
        score=80,
        evidence=[Evidence(evidence, "e.txt")],
        children=[Child(child, "c.bin")],
        detections=[Detection("Evil", "malicious")],
        tags=[Tag("family", "evil")],
        verdict_status_override="malicious",
    )
    analysis = harvest(WORKER, found, blobs, network=True)
    assert blobs.read(analysis.evidence[0].checksum, 0, 8) == b"evidence"
    assert blobs.read(analysis.children[0].sha256, 0, 5) == b"child"
    assert analysis.children[0].relation is LinkType.child
    assert analysis.verdict_status_override is StatusOverride.malicious
    assert analysis.detections == [{"name": "Evil", "assessment": "malicious"}]
    assert analysis.tags == [{"type": "family", "value": "evil"}]
    assert analysis.with_internet


def test_a_result_model(tmp_path: Path) -> None:
    """A worker's result may be an instance of its model."""

    class Result(BaseModel):
        path: Path

    analysis = harvest(WORKER, Findings(result=Result(path=Path("/a"))), LocalBlobs(tmp_path))
    assert analysis.result == {"path": "/a"}
