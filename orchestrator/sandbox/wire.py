"""The report of a child as JSON: made by the worker's process, believed by nobody who reads it.

The reader checks form, types, ranges and paths; it never unpickles and never imports anything by name.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from orchestrator.worker import (
    AnalysisWorker,
    Assessment,
    Child,
    Classification,
    Detection,
    Evidence,
    Fact,
    Findings,
    Relation,
    StatusOverride,
    Tag,
    TagType,
)

MAX_DEPTH = 100
#: NUL and lone surrogates: no database stores them, and hostile files put them into every string.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

ReportedEnding = Literal["finished", "nothing", "temporary", "failed", "crashed"]


class Unacceptable(ValueError):
    """What the child sent is not a report."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Detection(_Strict):
    name: str
    assessment: Assessment


class _Tag(_Strict):
    type: TagType
    value: str


class _Evidence(_Strict):
    path: str
    name: str
    mime_type: str
    potentially_malicious: bool
    internal: bool


class _Child(_Strict):
    path: str
    name: str
    relation: Relation


class _Fact(_Strict):
    key: str
    value: str


class _Classification(_Strict):
    type: str
    super_type: str
    arch: str
    platform: str
    meta_data: dict[str, str]


class _Findings(_Strict):
    score: Annotated[int, Field(ge=-1, le=100)]
    result: dict[str, Any]
    detections: list[_Detection]
    tags: list[_Tag]
    facts: list[_Fact]
    evidence: list[_Evidence]
    children: list[_Child]
    classification: _Classification | None
    possible_detections: Annotated[int, Field(ge=0)] | None
    verdict_status_override: StatusOverride | None


class _Report(_Strict):
    ending: ReportedEnding
    message: str
    findings: _Findings | None


def encode(ending: ReportedEnding, message: str, findings: dict[str, Any] | None = None) -> bytes:
    """The bytes of a report; raises :class:`TypeError` or :class:`ValueError` where JSON cannot say it."""
    report = {"ending": ending, "message": message, "findings": findings}
    return json.dumps(report, allow_nan=False).encode()


def flatten(findings: Findings, worker: AnalysisWorker, scratch: Path) -> dict[str, Any]:
    """Findings as JSON has them; paths become relative to the scratch folder.

    A result that is a plain mapping is checked against the worker's result model, if it has one.
    """
    flat = {name: _plain(getattr(findings, name)) for name in _Findings.model_fields if name != "result"}
    for produced in (*flat["evidence"], *flat["children"]):
        produced["path"] = _relative(produced["path"], scratch)
    return flat | {"result": _result(findings.result, worker)}


def decode(report: bytes) -> tuple[ReportedEnding, str, Findings | None]:
    """Ending, message and findings; the paths of evidence and children are still relative.

    Raises :class:`Unacceptable` for anything that an honest child would not have sent.
    """
    try:
        read = _Report.model_validate(_clean(json.loads(report, parse_constant=_refuse_constant)))
        findings = _build(read.findings) if read.findings else None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise Unacceptable(f"{where}: {first['msg']}") from None
    except (ValueError, RecursionError) as error:
        raise Unacceptable(f"{type(error).__name__}: {error}") from None
    if (read.ending == "finished") != (findings is not None):
        raise Unacceptable("findings come with the ending 'finished' and with no other")
    return read.ending, read.message, findings


def storable(text: str) -> str:
    """The text without the characters that no database stores; U+FFFD stands in for them."""
    return _UNSTORABLE.sub("\ufffd", text)


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if hasattr(value, "__dataclass_fields__"):
        return {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, Mapping):
        return dict(value)
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def _relative(path: str, scratch: Path) -> str:
    relative = os.path.relpath(scratch / path, scratch)
    if relative.split("/")[0] in {"..", "."}:
        raise ValueError(f"{path!r} does not lie in the scratch folder")
    return relative


def _result(result: Mapping[str, Any] | BaseModel, worker: AnalysisWorker) -> dict[str, Any]:
    if isinstance(result, Mapping) and result and worker.result_model:
        result = worker.result_model.model_validate(result)
    if isinstance(result, BaseModel):
        return result.model_dump(mode="json", by_alias=True)
    return dict(result)


def _refuse_constant(constant: str) -> float:
    raise ValueError(f"{constant} is not JSON")


def _clean(value: Any, depth: int = 0) -> Any:
    if depth > MAX_DEPTH:
        raise ValueError(f"nested deeper than {MAX_DEPTH}")
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, list):
        return [_clean(each, depth + 1) for each in value]
    if isinstance(value, dict):
        return {storable(key): _clean(each, depth + 1) for key, each in value.items()}
    return value


def _build(read: _Findings) -> Findings:
    return Findings(
        score=read.score,
        result=read.result,
        detections=[Detection(each.name, each.assessment) for each in read.detections],
        tags=[Tag(each.type, each.value) for each in read.tags],
        facts=[Fact(each.key, each.value) for each in read.facts],
        evidence=[
            Evidence(Path(each.path), each.name, each.mime_type, each.potentially_malicious, each.internal)
            for each in read.evidence
        ],
        children=[Child(Path(each.path), each.name, each.relation) for each in read.children],
        classification=Classification(**read.classification.model_dump()) if read.classification else None,
        possible_detections=read.possible_detections,
        verdict_status_override=read.verdict_status_override,
    )
