"""Office: macros, DDE, Excel 4 macros, embedded objects, remote parts and encryption."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from orchestrator.worker import Child, Evidence, Findings, Limits, Sample, Tag, analysis_worker
from workers import _office
from workers._commands import command_traits
from workers._indicators import INDICATOR_LIMIT, Indicator, defang, find_indicators
from workers._names import PROGRAM, base_name
from workers._text import Text, clean, clip
from workers._traits import Trait, detections, score

T = TypeVar("T")

#: Excel opens workbooks that are locked with this password without asking.
_SILENT = "VelvetSweatshop"
_PASSWORDS = (_SILENT, "infected", "password", "1234")
_SOURCE_LIMIT, _SHOWN_MODULES = 4 << 20, 50
_STARTS = re.compile(
    r"\b(auto_?(open|exec|close|new|exit)|(document|workbook)_?(open|close|new|activate|beforeclose))\b",
    re.IGNORECASE,
)
_AWAY = re.compile(r"(https?|ftp|mhtml):|file:/+(?!/*[a-z][:|%])|\\\\", re.IGNORECASE)
_REMOTE = {
    "attachedTemplate": 50,
    "oleObject": 40,
    "frame": 30,
    "subDocument": 30,
    "externalLink": 0,
    "image": 0,
}


class Macro(BaseModel):
    """``code`` is how it begins; the evidence ``macros.vba`` has all of it."""

    place: Text
    lines: int
    code: Text


class Part(BaseModel):
    kind: Text
    target: Text


class Item(BaseModel):
    name: Text
    size: int


class Office(BaseModel):
    """``problems`` names parts of the document that could not be read."""

    encrypted: bool
    password: Text
    macros: list[Macro]
    macro_sheets: list[Macro]
    fields: list[Text]
    remote_parts: list[Part]
    objects: list[Item]
    properties: dict[str, Text]
    indicators: list[Indicator]
    problems: list[Text]
    traits: list[Trait]


class _Reading:
    """What was read of one document; a part that is broken leaves the others readable."""

    def __init__(self, sample: Sample) -> None:
        self.problems: list[str] = []
        self.modules: list[_office.Module] = []
        self.sheets: list[_office.Module] = []
        self.fields: list[str] = []
        self.relations: list[_office.Relation] = []
        self.objects: list[_office.Embedded] = []
        self.classes: list[str] = []
        self.properties: dict[str, str] = {}
        self.path = sample.path
        own = [each.strip() for each in sample.options.get("office.passwords", "").split(",") if each.strip()]
        opened, passwords = sample.scratch / "decrypted", [*own, *_PASSWORDS]
        locked = self._try("encryption", lambda path: _office.decrypt(path, opened, passwords), (False, ""))
        self.encrypted, self.password = locked
        if self.password:
            self.path = opened
        if self.password or not self.encrypted:
            self._read()

    def _read(self) -> None:
        new = zipfile.is_zipfile(self.path)
        self.modules = self._try("macros", _office.modules, [])
        self.fields = self._try("fields", _office.fields, [])
        self.objects = self._try("objects", _office.embedded, [])
        self.properties = self._try("properties", _office.properties, {})
        if new:
            self.sheets = self._try("macro sheets", _office.macro_sheets, [])
            self.relations = self._try("relationships", _office.relations, [])
        else:
            self.classes = self._try("classes", _office.exploited_classes, [])

    def _try(self, name: str, read: Callable[[Path], T], default: T) -> T:
        try:
            return read(self.path)
        except Exception as error:  # noqa: BLE001 - oletools meets broken documents with any exception
            detail = str(error).replace(str(self.path), "sample")
            self.problems.append(clean(f"{name}: {type(error).__name__}: {detail}", 300))
            return default

    @property
    def source(self) -> str:
        return "\n".join(module.code for module in (*self.modules, *self.sheets))[:_SOURCE_LIMIT]


@analysis_worker(
    "office",
    version="1.0",
    accepts={"doc", "docx", "xls", "xlsx", "xlsb", "ppt", "pptx", "ole", "ooxml", "visio"},
    result=Office,
    limits=Limits(seconds=120, cpu_seconds=110),
    preload=("oletools.olevba", "msoffcrypto"),
)
def office(sample: Sample) -> Findings:
    """Macros, Excel 4 macro sheets, DDE fields, embedded objects, remote parts and encryption.

    The score adds up: a macro counts little, one that starts by itself more, and what its commands do
    most; so do programs inside, templates loaded from the network, DDE, and classes of known exploits.
    A document without any of it has no score. A document locked with a known password is opened, and
    the opened one is a child too.
    """
    reading = _Reading(sample)
    traits = list(_traits(reading))
    source = reading.source
    result = Office(
        encrypted=reading.encrypted,
        password=reading.password,
        macros=_shown(reading.modules),
        macro_sheets=_shown(reading.sheets),
        fields=reading.fields,
        remote_parts=[_part(relation) for relation in clip(reading.relations, INDICATOR_LIMIT)],
        objects=[Item(name=each.name, size=len(each.content)) for each in reading.objects],
        properties={clean(key, 100): value for key, value in reading.properties.items()},
        indicators=find_indicators(source + "\n" + "\n".join(reading.fields)),
        problems=reading.problems,
        traits=traits,
    )
    behaviours = [trait for trait in traits if trait.name.startswith(("macro-", "dde"))]
    return Findings(
        score=score(traits),
        result=result,
        detections=detections(traits),
        tags=[Tag("behaviour", trait.name) for trait in behaviours],
        children=list(_children(sample, reading)),
        evidence=_evidence(sample, source),
    )


def _traits(reading: _Reading) -> Iterator[Trait]:
    if reading.password == _SILENT:
        yield Trait(name="locked-to-pass-scanners", weight=30, detail=f"opens without asking: {_SILENT}")
    yield from _macro_traits(reading)
    if reading.fields:
        yield Trait(name="dde", weight=50, detail=reading.fields[0])
    for relation in reading.relations:
        weight = _REMOTE.get(relation.kind, 0) if _AWAY.match(relation.target) else 0
        if weight:
            yield Trait(name=f"remote-{relation.kind.lower()}", weight=weight, detail=_part(relation).target)
    for item in reading.objects:
        if PROGRAM.search(item.name) or item.content.startswith((b"MZ", b"\x7fELF")):
            yield Trait(name="embedded-program", weight=50, detail=item.name)
    for description in reading.classes:
        # Old documents full of formulas have an equation object in good faith.
        weight = 20 if "Equation" in description else 60
        yield Trait(name="exploited-class", weight=weight, detail=description)


def _macro_traits(reading: _Reading) -> Iterator[Trait]:
    if reading.modules:
        yield Trait(name="macro", weight=10, detail=reading.modules[0].place)
    if reading.sheets:
        yield Trait(name="macro-sheet", weight=30, detail=reading.sheets[0].place)
    if match := _STARTS.search(reading.source):
        yield Trait(name="macro-starts-by-itself", weight=20, detail=match[0])
    yield from command_traits(reading.source)


def _shown(modules: list[_office.Module]) -> list[Macro]:
    return [
        Macro(place=module.place, lines=module.code.count("\n") + 1, code=module.code)
        for module in modules[:_SHOWN_MODULES]
    ]


def _part(relation: _office.Relation) -> Part:
    return Part(kind=relation.kind, target=defang("url", relation.target))


def _children(sample: Sample, reading: _Reading) -> Iterator[Child]:
    if reading.password:
        yield Child(reading.path, "decrypted")
    for number, item in enumerate(reading.objects):
        path = sample.scratch / f"child{number}"
        path.write_bytes(item.content)
        yield Child(path, base_name(item.name))


def _evidence(sample: Sample, source: str) -> list[Evidence]:
    if not source:
        return []
    path = sample.scratch / "macros.vba"
    path.write_text(source, errors="backslashreplace")
    return [Evidence(path, "macros.vba", "text/plain", potentially_malicious=True)]
