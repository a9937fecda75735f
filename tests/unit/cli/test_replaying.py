"""How a replayed run is held against the recorded one."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.cli import replaying
from orchestrator.cli.client import Client
from orchestrator.sandbox import Ending, Level, Outcome
from orchestrator.worker import Detection, Findings, Tag


class _Recorded(Client):
    """Answers with the recorded analysis."""

    def __init__(self, analysis: dict[str, Any]) -> None:
        self.analysis = analysis

    def get(self, path: str, **_parameters: Any) -> Any:
        assert path == "/sample/aa/analysis/1"
        return self.analysis


def run(state: str = "success", message: str | None = None) -> dict[str, Any]:
    task = {"state": state, "message": message, "analyses": [{"id": "1"}]}
    return {"sample": {"sha256": "aa"}, "task": task}


def outcome(ending: Ending = Ending.finished, message: str = "", **fields: Any) -> Outcome:
    findings = Findings(**fields) if ending is Ending.finished else None
    return Outcome(ending, message, Level.rlimits, 0.1, findings)


RECORDED = {
    "analysisScore": 10,
    "triggeredDetections": [{"name": "d", "assessment": "unknown"}],
    "tags": [{"type": "yara", "value": "t"}],
    "analysisResult": {"a": 1, "b": {"c": [1, 2]}},
}
SAME = outcome(
    score=10, detections=[Detection("d")], tags=[Tag("yara", "t")], result={"a": 1, "b": {"c": [1, 2]}}
)
OTHER = outcome(score=11, detections=[Detection("d")], result={"a": 1, "b": {"c": [1], "e": 2}})


@pytest.mark.parametrize(
    ("recorded", "here", "paths"),
    [
        (run(), SAME, []),
        (run(), OTHER, ["score", "tags", "result.b.c", "result.b.e"]),
        (run("failed", "ValueError: x"), outcome(Ending.failed, "ValueError: x"), []),
        (run("failed", "ValueError: x"), outcome(Ending.timeout, "late"), ["state", "message"]),
        (run("executing"), outcome(Ending.failed, "ValueError: x"), []),
        (run("failed", "x"), SAME, ["state", "message"]),
    ],
    ids=["same", "other findings", "same failure", "other end", "still open", "better"],
)
def test_differences(recorded: dict[str, Any], here: Outcome, paths: list[str]) -> None:
    """State and message, then score, detections, tags and result, field by field."""
    client = _Recorded(RECORDED)
    assert [each[0] for each in replaying._compare(client, recorded, here)] == paths
