"""FLOSS: texts that a program keeps hidden until it runs, found by emulating parts of its code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from orchestrator.worker import Evidence, Findings, Limits, NothingForMe, Sample, analysis_worker
from workers import _tools
from workers._commands import command_traits
from workers._indicators import Indicator, find_indicators
from workers._text import Text, clean, clip
from workers._traits import Trait, detections, score

_FLOSS, _HOME = _tools.installed_beside("floss")
_SECONDS = 840
_SIZE_LIMIT = 8 << 20
_OUTPUT = 64 << 20
_LIMIT = 60
_STRING_LIMIT = 1_000
_KINDS = ("decoded", "stack", "tight")


class Hidden(BaseModel):
    """A text, and how it was hidden: ``decoded`` by a function, or put together on the ``stack``."""

    kind: str
    text: Text
    function: str


class Floss(BaseModel):
    """``functions`` counts those that were found in the code; ``language`` is what it was written in."""

    version: Text
    language: Text
    functions: int
    strings: list[Hidden]
    indicators: list[Indicator]
    traits: list[Trait]


@analysis_worker(
    "floss",
    version="1.0",
    accepts={"pe"},
    result=Floss,
    limits=Limits(seconds=900, cpu_seconds=880, memory_mb=4096),
    readable=(_HOME,),
)
def floss(sample: Sample) -> Findings:
    """Texts that are decoded, or put together on the stack, only when the program runs.

    The score adds up what commands in the hidden texts do, to 60 at most; hidden texts alone are no score:
    compilers put short ones on the stack too. Texts in the open are the worker ``strings``' part. Programs
    of more than 8 MiB are left alone: emulating their code would take an hour.
    """
    if sample.size > _SIZE_LIMIT:
        raise NothingForMe(f"more than {_SIZE_LIMIT >> 20} MiB: the code cannot be emulated in time")
    found = _run(sample)
    strings = list(_strings(found["strings"]))
    texts = "\n".join(each.text for each in strings)
    traits = command_traits(texts)
    result = Floss(
        version=found["metadata"].get("version", ""),
        language=found["metadata"].get("language", ""),
        functions=found["analysis"]["functions"]["discovered"],
        strings=clip(strings, _STRING_LIMIT),
        indicators=find_indicators(texts),
        traits=traits,
    )
    return Findings(
        score=score(traits, _LIMIT),
        result=result,
        detections=detections(traits),
        evidence=_evidence(sample, texts) if len(strings) > _STRING_LIMIT else [],
    )


def _run(sample: Sample) -> dict[str, Any]:
    command = [_FLOSS, "--quiet", "--json", "--no", "static", "--", str(sample.path)]
    done = _tools.run(
        command, sample.scratch, seconds=_SECONDS, limit=_OUTPUT, environment=_tools.private(sample.scratch)
    )
    start = done.text.find('{"analysis"')
    if done.status != 0 or start < 0:
        said = clean(" ".join(done.text.split())[-300:].replace(str(sample.path), "sample"), 300)
        raise ValueError(f"the program is broken, says FLOSS with status {done.status}: {said}")
    found, _ = json.JSONDecoder().raw_decode(done.text, start)
    return dict(found)


def _strings(found: dict[str, Any]) -> Iterator[Hidden]:
    """Each distinct text, those that a function decodes first."""
    seen = set[str]()
    for kind in _KINDS:
        for each in found.get(f"{kind}_strings") or []:
            text = clean(each["string"])
            if text not in seen:
                seen.add(text)
                place = each.get("decoding_routine", each.get("function", 0))
                yield Hidden(kind=kind, text=text, function=hex(place))


def _evidence(sample: Sample, texts: str) -> list[Evidence]:
    path = sample.scratch / "hidden-strings.txt"
    path.write_text(texts)
    return [Evidence(path, "hidden-strings.txt", "text/plain")]
