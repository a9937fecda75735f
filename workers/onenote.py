"""OneNote: files that lie in a section of notes, where a double click starts them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from pydantic import BaseModel

from orchestrator.worker import Child, Findings, Sample, analysis_worker
from workers._commands import command_traits
from workers._decode import as_text
from workers._indicators import Indicator, find_indicators
from workers._names import PROGRAM, base_name
from workers._text import Text, clean
from workers._traits import Trait, detections, score

_READ_LIMIT = 256 << 20
_CHILD_LIMIT, _NAME_LIMIT = 100, 200
_SCRIPT_LIMIT = 1 << 20
#: How a FileDataStoreObject begins (MS-ONESTORE 2.6.13): its mark, the size in eight bytes, twelve unused.
_OBJECT = bytes.fromhex("e716e3bd65261145a4c48d4d0b7a9eac")
_HEADER = 36
_PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"RIFF", b"\x01\0\0\0")
_NAME = re.compile(rb"(?:[\x20-\x7e]\0){1,80}\.\0(?:[a-zA-Z0-9]\0){2,5}(?![\x20-\x7e]\0)")


class Item(BaseModel):
    offset: int
    size: int
    begins: Text


class OneNote(BaseModel):
    """``names`` are file names in the notes; which is which object's, the format says far from either."""

    objects: list[Item]
    names: list[Text]
    indicators: list[Indicator]
    traits: list[Trait]


class _Object(NamedTuple):
    offset: int
    content: bytes


@analysis_worker("onenote", version="1.0", accepts={"one"}, result=OneNote)
def onenote(sample: Sample) -> Findings:
    """Files embedded in notes; each becomes a child.

    The score adds up: 60 for a program, 40 for a name that a system would run, and what the commands of an
    embedded script do. Pictures and documents are no score: those are judged as children.
    """
    with sample.path.open("rb") as file:
        content = file.read(_READ_LIMIT)
    objects = list(_objects(content))
    names = list(dict.fromkeys(_names(_around(content, objects))))[:_NAME_LIMIT]
    scripts = "\n".join(as_text(each.content[:_SCRIPT_LIMIT]) for each in objects if _is_text(each.content))
    traits = [*_traits(objects, names), *command_traits(scripts)]
    result = OneNote(
        objects=[Item(offset=o.offset, size=len(o.content), begins=repr(o.content[:32])) for o in objects],
        names=names,
        indicators=find_indicators(scripts),
        traits=traits,
    )
    return Findings(
        score=score(traits),
        result=result,
        detections=detections(traits),
        children=list(_children(sample, objects)),
    )


def _objects(content: bytes) -> Iterator[_Object]:
    place = content.find(_OBJECT)
    for _ in range(_CHILD_LIMIT):
        if place < 0:
            return
        size = int.from_bytes(content[place + 16 : place + 24], "little")
        start = place + _HEADER
        if 0 < size <= len(content) - start:
            yield _Object(start, content[start : start + size])
            start += size
        place = content.find(_OBJECT, start)


def _around(content: bytes, objects: list[_Object]) -> bytes:
    """What is the notes' own: programs inside name many files."""
    parts, place = [], 0
    for each in objects:
        parts.append(content[place : each.offset])
        place = each.offset + len(each.content)
    return b"".join([*parts, content[place:]])


def _names(content: bytes) -> Iterator[str]:
    for match in _NAME.finditer(content):
        yield base_name(match[0].decode("utf-16-le"))


def _is_text(content: bytes) -> bool:
    head = content[:512]
    return not head.startswith(_PICTURES) and head.count(0) <= len(head) / 2 and b"\0\0" not in head


def _traits(objects: list[_Object], names: list[str]) -> Iterator[Trait]:
    for each in objects:
        if each.content.startswith((b"MZ", b"\x7fELF")):
            yield Trait(name="embedded-program", weight=60, detail=f"at {each.offset:#x}")
    for name in names:
        if PROGRAM.search(name) and not name.lower().endswith(".one"):
            yield Trait(name="embedded-runnable-name", weight=40, detail=clean(name, 200))


def _children(sample: Sample, objects: list[_Object]) -> Iterator[Child]:
    for number, each in enumerate(objects):
        path = sample.scratch / f"child{number}"
        path.write_bytes(each.content)
        yield Child(path, f"embedded{number}")
