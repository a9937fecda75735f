"""RTF: objects hidden in the text, and the exploits that they carry."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from typing import Any

with warnings.catch_warnings(action="ignore"):  # oletools calls pyparsing by names that it deprecates
    from oletools.rtfobj import RtfObjParser
from pydantic import BaseModel

from orchestrator.worker import Child, Findings, Limits, Sample, analysis_worker
from workers._indicators import Indicator, find_indicators
from workers._names import PROGRAM, base_name
from workers._text import Text, clean, clip
from workers._traits import Trait, detections, score

_READ_LIMIT = 16 << 20
_OBJECT_LIMIT, _CHILD_LIMIT, _SMALL = 200, 50, 100
_EXPLOITED = re.compile(r"equation|otkloadr|mscomctllib|forms\.", re.IGNORECASE)
_LINK = re.compile(r"ole2link", re.IGNORECASE)
_TEMPLATE = re.compile(rb"\\\*\s*\\template\s+([^{}\\]{4,500})")
_FIELD = re.compile(rb"\bDDE(?:AUTO)?\b[^{}]{4,300}", re.IGNORECASE)


class Item(BaseModel):
    """An embedded object: its OLE class, and the file's name where it is a package."""

    offset: int
    kind: Text
    name: Text
    size: int
    known: Text


class Rtf(BaseModel):
    """``damage`` says why the text was not read to its end."""

    objects: list[Item]
    templates: list[Text]
    fields: list[Text]
    indicators: list[Indicator]
    damage: Text
    traits: list[Trait]


@analysis_worker(
    "rtf",
    version="1.0",
    accepts={"rtf"},
    result=Rtf,
    limits=Limits(seconds=120, cpu_seconds=110),
    preload=("oletools.rtfobj",),
)
def rtf(sample: Sample) -> Findings:
    """Embedded objects and packages of an RTF, remote templates and DDE fields.

    The score adds up what a text has no need of: objects of classes with known exploits (80), links that
    load by themselves (60), programs inside and remote templates (50), DDE (50). An ordinary object is no
    score; it becomes a child.
    """
    with sample.path.open("rb") as file:
        content = file.read(_READ_LIMIT)
    parser = RtfObjParser(content)
    damage = ""
    try:
        parser.parse()
    except Exception as error:  # noqa: BLE001 - the parser meets broken texts with any exception
        damage = f"{type(error).__name__}: {error}"
    objects = clip(parser.objects, _OBJECT_LIMIT)
    templates = [clean(match.strip()) for match in clip(_TEMPLATE.findall(content), _OBJECT_LIMIT)]
    fields = [clean(match) for match in clip(_FIELD.findall(content), _OBJECT_LIMIT)]
    traits = [*_object_traits(objects), *_text_traits(templates, fields)]
    inner = b"\n".join(each.rawdata or b"" for each in objects)
    result = Rtf(
        objects=[_item(each) for each in objects],
        templates=templates,
        fields=fields,
        indicators=find_indicators("\n".join([*templates, *fields, *_strings(inner)])),
        damage=damage,
        traits=traits,
    )
    return Findings(
        score=score(traits),
        result=result,
        detections=detections(traits),
        children=list(_children(sample, objects)),
    )


def _class(found: Any) -> str:
    return clean((found.class_name or b"").rstrip(b"\0"))


def _item(found: Any) -> Item:
    return Item(
        offset=found.start,
        kind=_class(found),
        name=found.filename or "",
        size=len(found.rawdata or b""),
        known=found.clsid_desc or "",
    )


def _object_traits(objects: list[Any]) -> Iterator[Trait]:
    for found in objects:
        kind, known, name = _class(found), found.clsid_desc or "", found.filename or ""
        if _EXPLOITED.search(kind) or "CVE" in known:
            yield Trait(name="exploited-class", weight=80, detail=f"{kind} {known}")
        elif _LINK.search(kind):
            yield Trait(name="loads-by-itself", weight=60, detail=kind)
        if found.is_package and PROGRAM.search(name):
            yield Trait(name="embedded-program", weight=50, detail=name)
        if not found.is_ole and found.rawdata and len(found.rawdata) > _SMALL:
            yield Trait(name="object-malformed", weight=20, detail=f"at {found.start}: no OLE structure")


def _text_traits(templates: list[str], fields: list[str]) -> Iterator[Trait]:
    for template in templates:
        if re.match(r"(https?|ftp|file):|\\\\", template, re.IGNORECASE):
            yield Trait(name="remote-template", weight=50, detail=template)
    if fields:
        yield Trait(name="dde", weight=50, detail=fields[0])


def _strings(content: bytes) -> Iterator[str]:
    """Runs of text in the objects, narrow and wide."""
    for match in re.finditer(rb"[\x20-\x7e]{8,2000}|(?:[\x20-\x7e]\0){8,2000}", content):
        yield match[0].replace(b"\0", b"").decode("ascii")


def _children(sample: Sample, objects: list[Any]) -> Iterator[Child]:
    for number, found in enumerate(objects[:_CHILD_LIMIT]):
        content = found.olepkgdata if found.is_package else found.oledata
        if content:
            path = sample.scratch / f"child{number}"
            path.write_bytes(content)
            yield Child(path, base_name(found.filename or "") or _class(found))
