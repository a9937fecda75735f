"""Mach-O: what a macOS or iOS program is built of, what it needs, whether and how it is signed."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import lief
from pydantic import BaseModel

from orchestrator.worker import Fact, Findings, Sample, analysis_worker
from workers._lief import label, text, texts
from workers._text import Text, clip
from workers._traits import PACKED, Trait, detections, entropy, score

_SLICE_LIMIT, _SECTION_LIMIT, _SYMBOL_LIMIT, _LIBRARY_LIMIT = 10, 200, 500, 200
_STRUCTURE_LIMIT = 60
_READ, _WRITE, _EXECUTE = 1, 2, 4


class Section(BaseModel):
    """``entropy`` in bits per byte, 0…8."""

    segment: Text
    name: Text
    size: int
    entropy: float


class Slice(BaseModel):
    """The program for one processor."""

    machine: str
    kind: str
    uuid: str
    minimum_system: str
    entry_point: int
    position_independent: bool
    libraries: list[Text]
    run_paths: list[Text]
    imports: list[Text]
    exports: list[Text]
    sections: list[Section]
    signed: bool
    encrypted: bool


class MachO(BaseModel):
    """``slices`` has one entry per processor: one in a thin file, several in a fat one."""

    slices: list[Slice]
    oddities: list[Trait]


@analysis_worker("macho", version="1.0", accepts={"macho"}, result=MachO, preload=("lief",))
def macho(sample: Sample) -> Findings:
    """Load commands, sections, libraries, symbols and signature of a Mach-O, thin or fat.

    The score adds up the weights of what is odd in the structure, to 60 at most; nothing odd is no score.
    That a program is not signed is no oddity: most command-line programs are not.
    """
    with warnings.catch_warnings(category=RuntimeWarning, action="ignore"):  # numbers without a name
        fat = lief.MachO.parse(str(sample.path))
        if fat is None or not fat.size:
            raise ValueError("the headers are broken: lief can read no Mach-O here")
        binaries = clip(fat, _SLICE_LIMIT)
        odd = clip((oddity for binary in binaries for oddity in _oddities(binary)), 50)
        result = MachO(slices=[_slice(binary) for binary in binaries], oddities=odd)
    return Findings(
        score=score(odd, _STRUCTURE_LIMIT),
        result=result,
        detections=detections(odd),
        facts=[
            Fact("machoUuid", uuid) for uuid in dict.fromkeys(each.uuid for each in result.slices) if uuid
        ],
    )


def _slice(binary: lief.MachO.Binary) -> Slice:
    return Slice(
        machine=label(binary.header.cpu_type),
        kind=label(binary.header.file_type),
        uuid=bytes(binary.uuid.uuid).hex() if binary.uuid else "",
        minimum_system=_minimum_system(binary),
        entry_point=binary.entrypoint if binary.has_entrypoint else 0,
        position_independent=binary.is_pie,
        libraries=list(texts(clip(binary.libraries, _LIBRARY_LIMIT))),
        run_paths=list(texts(clip(binary.rpaths, _LIBRARY_LIMIT), "path")),
        imports=clip(texts(binary.imported_symbols), _SYMBOL_LIMIT),
        exports=clip(texts(binary.exported_symbols), _SYMBOL_LIMIT),
        sections=[_section(each) for each in clip(binary.sections, _SECTION_LIMIT)],
        signed=binary.has_code_signature,
        encrypted=bool(binary.encryption_info and binary.encryption_info.crypt_id),
    )


def _minimum_system(binary: lief.MachO.Binary) -> str:
    if binary.build_version:
        return f"{label(binary.build_version.platform)} {'.'.join(map(str, binary.build_version.minos))}"
    if binary.version_min:
        return ".".join(map(str, binary.version_min.version))
    return ""


def _section(section: lief.MachO.Section) -> Section:
    return Section(
        segment=text(section, "segment_name"),
        name=text(section, "name"),
        size=section.size,
        entropy=entropy(section.content),
    )


def _oddities(binary: lief.MachO.Binary) -> Iterator[Trait]:
    for segment in clip(binary.segments, 50):
        name, rights = text(segment, "name"), segment.init_protection
        if rights & _WRITE and rights & _EXECUTE:
            yield Trait(name="segment-writable-executable", weight=20, detail=name)
        bits = entropy(segment.content)
        if rights & _EXECUTE and bits > PACKED:
            yield Trait(name="segment-packed", weight=25, detail=f"{name}: entropy {bits:.2f}")
    for library in clip(binary.libraries, _LIBRARY_LIMIT):
        name = text(library, "name")
        if name.startswith(("/tmp/", "/private/tmp/", "/var/tmp/", "/Users/Shared/")):  # noqa: S108 - looked for, not used
            yield Trait(name="library-writable-by-all", weight=20, detail=name)
