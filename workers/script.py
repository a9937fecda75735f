"""Script: encodings undone layer by layer, and what the commands in them do."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel

from orchestrator.worker import NO_FINDINGS, Child, Evidence, Findings, Limits, Sample, analysis_worker
from workers._commands import command_traits
from workers._decode import MAGICS, Layer, as_text, layers
from workers._indicators import Indicator, find_indicators
from workers._text import Text
from workers._traits import Trait, detections, score

_READ_LIMIT = 4 << 20
_SHOWN = 40
_LIMIT = 90
_STRONG = 30
_EVIDENCE_LIMIT = 4 << 20


class Decoded(BaseModel):
    """One layer: what was undone, how long it is, and how it begins."""

    method: str
    length: int
    text: Text


class Script(BaseModel):
    """``layers`` in the order in which they came out; the evidence ``decoded.txt`` has them whole."""

    lines: int
    longest_line: int
    layers: list[Decoded]
    indicators: list[Indicator]
    traits: list[Trait]


@analysis_worker(
    "script",
    version="1.0",
    accepts={"script", "html", "svg", "mht", "url", "registry"},
    result=Script,
    limits=Limits(seconds=90, cpu_seconds=90),
)
def script(sample: Sample) -> Findings:
    """Escapes, Base64, hex, number lists, compression and joined strings undone; commands and indicators.

    The score adds up what the commands do, in the text itself and in what was hidden in it, to 90 at most.
    One weak trait alone (a web page that calls ``eval``) is no score; being hidden adds to the others.
    """
    with sample.path.open("rb") as file:
        text = as_text(file.read(_READ_LIMIT))
    found = list(layers(text))
    inner = "\n".join(layer.text for layer in found)
    traits = command_traits(f"{text}\n{inner}")
    traits += _hidden(found, traits)
    lines = text.splitlines() or [""]
    result = Script(
        lines=len(lines),
        longest_line=max(map(len, lines)),
        layers=[_shown(layer) for layer in found[:_SHOWN]],
        indicators=find_indicators(f"{text}\n{inner}"),
        traits=traits,
    )
    convincing = len(traits) > 1 or any(trait.weight >= _STRONG for trait in traits)
    return Findings(
        score=score(traits, _LIMIT) if convincing else NO_FINDINGS,
        result=result,
        detections=detections(traits) if convincing else [],
        children=list(_children(sample, found)),
        evidence=_evidence(sample, inner),
    )


def _hidden(found: list[Layer], traits: list[Trait]) -> Iterator[Trait]:
    payload = next((layer for layer in found if layer.payload), None)
    if payload:
        kind = next(kind for magic, kind in MAGICS.items() if payload.payload.startswith(magic))
        yield Trait(name=f"hidden-{kind}", weight=50 if kind == "program" else 20, detail=payload.method)
    for layer in found:
        if layer.text and layer.method != "unescaped" and traits and command_traits(layer.text):
            yield Trait(name="hidden-commands", weight=20, detail=f"{layer.method}: {layer.text[:200]}")
            return


def _shown(layer: Layer) -> Decoded:
    content = layer.text or repr(layer.payload[:64])
    return Decoded(method=layer.method, length=len(layer.text or layer.payload), text=content)


def _children(sample: Sample, found: list[Layer]) -> Iterator[Child]:
    for number, layer in enumerate(layer for layer in found if layer.payload):
        path = sample.scratch / f"child{number}"
        path.write_bytes(layer.payload)
        yield Child(path, f"decoded{number}")


def _evidence(sample: Sample, inner: str) -> list[Evidence]:
    if not inner:
        return []
    path = sample.scratch / "decoded.txt"
    path.write_text(inner[:_EVIDENCE_LIMIT], errors="backslashreplace")
    return [Evidence(path, "decoded.txt", "text/plain", potentially_malicious=True)]
