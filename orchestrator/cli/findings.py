"""What a run of a worker came to, as the command line shows it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from orchestrator.cli import output
from orchestrator.sandbox import Outcome
from orchestrator.worker import Findings


def show(name: str, outcome: Outcome) -> None:
    """Print the run's end, its message and what was found."""
    output.out.print(
        output.text(f"{name}: {outcome.ending} in {outcome.seconds:.3f} s, sandbox: {outcome.level}"),
    )
    if outcome.message:
        output.out.print(output.text(outcome.message))
    if outcome.findings is not None:
        for key, value in findings_json(outcome.findings).items():
            if value not in ([], None, {}):
                output.out.print(output.text(f"{key}: "), end="")
                output.out.print_json(data=value, default=str, ensure_ascii=True)


def outcome_json(outcome: Outcome) -> dict[str, Any]:
    """The stable fields that ``--json`` prints."""
    return {
        "ending": outcome.ending,
        "message": outcome.message,
        "level": outcome.level,
        "seconds": outcome.seconds,
        "peakMemory": outcome.peak_memory,
        "findings": findings_json(outcome.findings) if outcome.findings else None,
    }


def findings_json(findings: Findings) -> dict[str, Any]:
    """Findings as JSON; the paths of files are those after the run."""
    result = findings.result
    classification = findings.classification
    return {
        "score": findings.score,
        "detections": [{"name": each.name, "assessment": each.assessment} for each in findings.detections],
        "tags": [{"type": each.type, "value": each.value} for each in findings.tags],
        "classification": None
        if classification is None
        else {
            "type": classification.type,
            "superType": classification.super_type,
            "arch": classification.arch,
            "platform": classification.platform,
            "metaData": dict(classification.meta_data),
        },
        "facts": [{"key": each.key, "value": each.value} for each in findings.facts],
        "evidence": [{"name": each.name, "path": str(each.path)} for each in findings.evidence],
        "children": [
            {"name": each.name, "path": str(each.path), "relation": each.relation}
            for each in findings.children
        ],
        "result": result.model_dump(mode="json") if isinstance(result, BaseModel) else dict(result),
    }
