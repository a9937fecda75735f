"""From a worker's findings to what is recorded: files into the blob store, values that any store takes."""

from __future__ import annotations

from pydantic import BaseModel

from orchestrator.domain.storable import storable, text
from orchestrator.domain.transition import NewAnalysis, NewChild, NewClassification, NewEvidence
from orchestrator.domain.vocabulary import LinkType, StatusOverride
from orchestrator.store.blobs import Blobs
from orchestrator.worker import AnalysisWorker, Child, Evidence, Findings


def harvest(
    worker: AnalysisWorker, findings: Findings, blobs: Blobs, *, network: bool = False
) -> NewAnalysis:
    """What is to be stored; evidence and children are in the blob store when this returns.

    ``network`` says whether the run could use it.
    """
    result = findings.result
    if isinstance(result, BaseModel):
        result = result.model_dump(mode="json")
    override = findings.verdict_status_override
    classification = findings.classification
    return NewAnalysis(
        user_agent_name=worker.name,
        user_agent_version=worker.version,
        score=findings.score,
        result=storable(result),
        detections=[
            {"name": storable(each.name), "assessment": each.assessment} for each in findings.detections
        ],
        tags=[{"type": each.type, "value": storable(each.value)} for each in findings.tags],
        possible_detections=findings.possible_detections,
        verdict_status_override=StatusOverride(override) if override else None,
        with_internet=network,
        evidence=[_evidence(each, blobs) for each in findings.evidence],
        children=[_child(each, blobs) for each in findings.children],
        facts=[(storable(each.key), storable(each.value)) for each in findings.facts],
        classification=None
        if classification is None
        else NewClassification(
            type=storable(classification.type),
            super_type=storable(classification.super_type),
            arch=storable(classification.arch),
            platform=storable(classification.platform),
            meta_data=storable(classification.meta_data),
        ),
    )


def _evidence(each: Evidence, blobs: Blobs) -> NewEvidence:
    facts = blobs.put_file(each.path)
    return NewEvidence(
        file_name=text(each.name),
        mime_type=each.mime_type,
        size=facts.size,
        checksum=facts.sha256,
        internal=each.internal,
        potentially_malicious=each.potentially_malicious,
    )


def _child(each: Child, blobs: Blobs) -> NewChild:
    facts = blobs.put_file(each.path)
    return NewChild(
        sha256=facts.sha256,
        sha512=facts.sha512,
        sha1=facts.sha1,
        md5=facts.md5,
        size=facts.size,
        file_name=text(each.name),
        relation=LinkType(each.relation),
    )
