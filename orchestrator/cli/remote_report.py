"""What a remote worker tells of a run, in the fields of the API."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from orchestrator.domain.storable import storable
from orchestrator.sandbox import Ending, Outcome
from orchestrator.services.endings import CAUSES, TARGETS
from orchestrator.worker import AnalysisWorker, Findings, may_use_network

#: Sends a file of the claimed job task; gives what the result says of it.
Send = Callable[[dict[str, Any], Path], dict[str, Any]]


def report_of(
    worker: AnalysisWorker,
    claim: dict[str, Any],
    outcome: Outcome,
    process: str,
    send: Send,
    cause: str | None,
) -> dict[str, Any]:
    """The body that ends the job task; its files are sent when this returns."""
    run: dict[str, Any] = {
        "process": process,
        "attempt": claim["attempt"],
        "version": worker.version,
        "cause": cause or CAUSES.get(outcome.ending),
        "milliseconds": int(outcome.seconds * 1000),
    }
    if outcome.ending in {Ending.finished, Ending.nothing}:
        found = findings_of(outcome.findings or Findings(), lambda path: send(claim, path))
        found["withInternet"] = may_use_network(worker, claim["sample"]["options"])
        run["findings"] = found
    return {"state": TARGETS[outcome.ending], "message": outcome.message or None, "run": run}


def findings_of(findings: Findings, send: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
    """Findings as JSON that every store takes."""
    result, classification = findings.result, findings.classification
    told = {
        "score": findings.score,
        "result": result.model_dump(mode="json") if isinstance(result, BaseModel) else result,
        "detections": [{"name": each.name, "assessment": each.assessment} for each in findings.detections],
        "tags": [{"type": each.type, "value": each.value} for each in findings.tags],
        "facts": [{"key": each.key, "value": each.value} for each in findings.facts],
        "evidence": [
            {
                "file": send(each.path),
                "name": each.name,
                "mimeType": each.mime_type,
                "internal": each.internal,
                "potentiallyMalicious": each.potentially_malicious,
            }
            for each in findings.evidence
        ],
        "children": [
            {"file": send(each.path), "name": each.name, "relation": each.relation}
            for each in findings.children
        ],
        "classification": classification
        and {
            "type": classification.type,
            "superType": classification.super_type,
            "arch": classification.arch,
            "platform": classification.platform,
            "metaData": dict(classification.meta_data),
        },
        "possibleDetections": findings.possible_detections,
        "verdictStatusOverride": findings.verdict_status_override,
    }
    stored: dict[str, Any] = storable(told)
    return stored
