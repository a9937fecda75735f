"""capa: what a program can do, told from its code by the rules of the operator's."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from orchestrator.worker import Findings, Limits, NothingForMe, Sample, Tag, analysis_worker
from workers import _tools
from workers._text import Text, clean, clip
from workers._traits import Trait, detections, score

_CAPA, _HOME = _tools.installed_beside("capa")
_SECONDS = 840
_SIZE_LIMIT = 8 << 20
_OUTPUT = 64 << 20
_LIMIT = 60
_CAPABILITY_LIMIT, _PLACE_LIMIT = 500, 20

#: capa's exit statuses that say that this is no program for it.
_NOT_FOR_IT = {
    14: "the code is packed, or an installer's",
    16: "neither PE nor ELF, or damaged",
    17: "for another processor than x86",
    18: "for another operating system",
}
_CORRUPT = 13

#: Namespaces of rules whose capabilities few honest programs have, and what one of them weighs.
_WEIGHTS = {
    "anti-analysis": 10,
    "collection/keylog": 20,
    "communication/c2": 25,
    "host-interaction/process/inject": 25,
    "impact": 25,
    "load-code/shellcode": 20,
    "persistence": 10,
    "collection/credit-card": 20,
    "internal/limitation": 0,
}


class Capability(BaseModel):
    """One rule that matched; ``attack`` and ``behaviours`` in the words of MITRE's ATT&CK and MBC."""

    name: Text
    namespace: Text
    attack: list[Text]
    behaviours: list[Text]
    places: list[str]


class Capa(BaseModel):
    """``functions`` counts those looked at, without those of known libraries."""

    version: str
    format: str
    arch: str
    os: str
    functions: int
    capabilities: list[Capability]
    traits: list[Trait]


@analysis_worker(
    "capa",
    version="1.0",
    accepts={"pe", "elf"},
    result=Capa,
    limits=Limits(seconds=900, cpu_seconds=880, memory_mb=4096),
    readable=(_HOME,),
)
def capa(sample: Sample) -> Findings:
    """Capabilities of a program's code by capa's rules, with ATT&CK techniques and places in the code.

    The rules are the folder in option ``capa.rules_dir``; without it there is nothing to look for. The score
    adds up the weights of kinds of capability that few honest programs have, to 60 at most; others are no
    score. Programs of more than 8 MiB are left alone: the analysis of their code would take an hour.
    """
    rules = sample.options.get("capa.rules_dir") or os.environ.get("ASSAY_CAPA_RULES_DIR", "")
    if not rules:
        raise NothingForMe("there are no rules: set capa.rules_dir to a folder of capa's rules")
    if not Path(rules).is_dir():
        raise NotADirectoryError(f"capa.rules_dir {rules!r} is not a folder that this worker can read")
    if sample.size > _SIZE_LIMIT:
        raise NothingForMe(f"more than {_SIZE_LIMIT >> 20} MiB: the code cannot be analysed in time")
    found = _run(sample, rules)
    capabilities = clip(_capabilities(found["rules"]), _CAPABILITY_LIMIT)
    traits = list(_traits(capabilities))
    about = found["meta"]["analysis"]
    result = Capa(
        version=clean(found["meta"]["version"], 50),
        format=about["format"],
        arch=about["arch"],
        os=about["os"],
        functions=len(about["feature_counts"].get("functions", [])),
        capabilities=capabilities,
        traits=traits,
    )
    return Findings(
        score=score(traits, _LIMIT),
        result=result,
        detections=detections(traits),
        tags=[Tag("behaviour", each.name) for each in capabilities],
        possible_detections=len(capabilities),
    )


def _run(sample: Sample, rules: str) -> dict[str, Any]:
    signatures, settings = sample.scratch / "signatures", sample.scratch / "settings"
    signatures.mkdir()
    settings.mkdir()
    command = [
        _CAPA,
        "--quiet",
        "--json",
        "--rules",
        rules,
        "--signatures",
        str(signatures),
        str(sample.path),
    ]
    done = _tools.run(
        command, sample.scratch, seconds=_SECONDS, limit=_OUTPUT, environment=_tools.private(settings)
    )
    if done.status in _NOT_FOR_IT:
        raise NothingForMe(_NOT_FOR_IT[done.status])
    start = done.text.find('{"meta"')
    if done.status == _CORRUPT or done.status < 0 or start < 0:
        said = clean(" ".join(done.text.split())[-300:].replace(str(sample.path), "sample"), 300)
        raise ValueError(f"the program is broken, says capa with status {done.status}: {said}")
    found, _ = json.JSONDecoder().raw_decode(done.text, start)
    return dict(found)


def _capabilities(rules: dict[str, Any]) -> Iterator[Capability]:
    for name, rule in sorted(rules.items()):
        meta = rule["meta"]
        if meta.get("lib") or meta.get("is_subscope_rule"):  # parts of other rules
            continue
        places = (place for place, _ in rule["matches"])
        yield Capability(
            name=name,
            namespace=meta.get("namespace") or "",
            attack=[f"{' '.join(each['parts'][1:])} {each['id']}".strip() for each in meta.get("attack", [])],
            behaviours=[f"{'::'.join(each['parts'])} {each['id']}" for each in meta.get("mbc", [])],
            places=clip((_place(place) for place in places), _PLACE_LIMIT),
        )


def _place(place: dict[str, Any]) -> str:
    value = place.get("value")
    return hex(value) if isinstance(value, int) else clean(place.get("type", ""), 50)


def _traits(capabilities: list[Capability]) -> Iterator[Trait]:
    for prefix, weight in _WEIGHTS.items():
        names = [each.name for each in capabilities if f"{each.namespace}/".startswith(f"{prefix}/")]
        if names:
            yield Trait(name=prefix.rpartition("/")[2], weight=weight, detail=", ".join(names)[:500])
