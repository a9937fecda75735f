"""ELF: how a Unix program or library is built, what it needs, how it is hardened, what is odd about it."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator

import lief
from pydantic import BaseModel

from orchestrator.worker import Fact, Findings, Sample, Tag, analysis_worker
from workers._lief import label, text, texts
from workers._text import Text, clean, clip
from workers._traits import PACKED, Trait, detections, entropy, score

_SECTION_LIMIT, _SYMBOL_LIMIT, _LIBRARY_LIMIT = 200, 1_000, 200
_STRUCTURE_LIMIT = 60
_SEGMENT, _TAG = lief.ELF.Segment, lief.ELF.DynamicEntry.TAG

#: Functions that, imported together, make something possible that few programs need.
_CAPABILITIES: dict[str, frozenset[str]] = {
    "anti-debugging": frozenset({"ptrace"}),
    "kernel-module": frozenset({"init_module", "finit_module", "delete_module"}),
    "memory-execution": frozenset({"memfd_create", "fexecve"}),
    "raw-network": frozenset({"pcap_open_live", "pcap_inject"}),
    "runs-commands": frozenset({"system", "popen", "execl", "execlp", "execve", "execvp"}),
    "network": frozenset({"socket", "connect", "accept", "listen"}),
}


class Section(BaseModel):
    """``entropy`` in bits per byte, 0…8."""

    name: Text
    type: str
    address: int
    size: int
    entropy: float


class Segment(BaseModel):
    """``rights`` like ``r-x``."""

    type: str
    address: int
    file_size: int
    memory_size: int
    rights: str


class Hardening(BaseModel):
    """What the build does against exploits; ``relro`` is none, partial or full."""

    position_independent: bool
    stack_not_executable: bool
    relro: str
    stack_canary: bool
    fortified: bool


class Elf(BaseModel):
    """Sizes in bytes; ``import_hash`` is the MD5 of the sorted imported names."""

    machine: str
    bits: int
    big_endian: bool
    kind: str
    abi: str
    entry_point: int
    interpreter: Text
    build_id: str
    compiler: list[Text]
    stripped: bool
    statically_linked: bool
    libraries: list[Text]
    run_paths: list[Text]
    imports: list[Text]
    exports: list[Text]
    import_hash: str
    sections: list[Section]
    segments: list[Segment]
    hardening: Hardening
    overlay_size: int
    oddities: list[Trait]


@analysis_worker("elf", version="1.0", accepts={"elf"}, result=Elf, preload=("lief",))
def elf(sample: Sample) -> Findings:
    """Headers, segments, sections, symbols, libraries and hardening of an ELF.

    The score adds up the weights of what is odd in the structure, to 60 at most: structure makes a program
    suspicious, never guilty. Nothing odd is no score; weak hardening is no oddity.
    """
    with warnings.catch_warnings(category=RuntimeWarning, action="ignore"):  # numbers without a name
        binary = lief.ELF.parse(str(sample.path))
        if binary is None or not len(binary.segments) + len(binary.sections):
            raise ValueError("the headers are broken: lief can read no ELF here")
        odd = list(_oddities(binary))
        result = _result(binary, odd)
    imported = set(result.imports)
    capable = [name for name, functions in _CAPABILITIES.items() if imported & functions]
    return Findings(
        score=score(odd, _STRUCTURE_LIMIT),
        result=result,
        detections=detections(odd),
        tags=[Tag("behaviour", name) for name in capable],
        facts=[Fact("buildId", result.build_id)] if result.build_id else [],
    )


def _result(binary: lief.ELF.Binary, odd: list[Trait]) -> Elf:
    header = binary.header
    imports = sorted(set(texts(binary.imported_symbols)) - {""})
    exports = sorted(set(texts(binary.exported_symbols)) - {""})
    needed = (entry for entry in binary.dynamic_entries if isinstance(entry, lief.ELF.DynamicEntryLibrary))
    libraries = clip(texts(needed), _LIBRARY_LIMIT)
    return Elf(
        machine=label(header.machine_type),
        bits=64 if header.identity_class == lief.ELF.Header.CLASS.ELF64 else 32,
        big_endian=header.identity_data == lief.ELF.Header.ELF_DATA.MSB,
        kind=label(header.file_type),
        abi=label(header.identity_os_abi),
        entry_point=header.entrypoint,
        interpreter=text(binary, "interpreter") if binary.has_interpreter else "",
        build_id=_build_id(binary),
        compiler=_compiler(binary),
        stripped=not any(True for _ in binary.symtab_symbols),
        statically_linked=not libraries and not binary.has_interpreter,
        libraries=libraries,
        run_paths=list(_run_paths(binary)),
        imports=clip(imports, _SYMBOL_LIMIT),
        exports=clip(exports, _SYMBOL_LIMIT),
        import_hash=hashlib.md5(",".join(imports).encode(), usedforsecurity=False).hexdigest()
        if imports
        else "",
        sections=[_section(each) for each in clip(binary.sections, _SECTION_LIMIT)],
        segments=[_segment(each) for each in clip(binary.segments, _SECTION_LIMIT)],
        hardening=_hardening(binary, set(imports)),
        overlay_size=binary.overlay.nbytes,
        oddities=odd,
    )


def _section(section: lief.ELF.Section) -> Section:
    return Section(
        name=text(section, "name"),
        type=label(section.type),
        address=section.virtual_address,
        size=section.size,
        entropy=entropy(section.content),
    )


def _segment(segment: lief.ELF.Segment) -> Segment:
    return Segment(
        type=label(segment.type),
        address=segment.virtual_address,
        file_size=segment.physical_size,
        memory_size=segment.virtual_size,
        rights=_rights(segment),
    )


def _rights(segment: lief.ELF.Segment) -> str:
    flags = ((_SEGMENT.FLAGS.R, "r"), (_SEGMENT.FLAGS.W, "w"), (_SEGMENT.FLAGS.X, "x"))
    return "".join(letter if segment.has(flag) else "-" for flag, letter in flags)


def _build_id(binary: lief.ELF.Binary) -> str:
    notes = (note for note in binary.notes if note.type == lief.ELF.Note.TYPE.GNU_BUILD_ID)
    return next((bytes(note.description).hex()[:128] for note in notes), "")


def _compiler(binary: lief.ELF.Binary) -> list[str]:
    section = binary.get_section(".comment")
    comments = bytes(section.content).split(b"\0") if section else []
    return clip((clean(comment, 200) for comment in dict.fromkeys(comments) if comment), 10)


def _run_paths(binary: lief.ELF.Binary) -> Iterator[str]:
    for entry in binary.dynamic_entries:
        if isinstance(entry, lief.ELF.DynamicEntryRpath | lief.ELF.DynamicEntryRunPath):
            attribute = "rpath" if isinstance(entry, lief.ELF.DynamicEntryRpath) else "runpath"
            yield from clip(text(entry, attribute).split(":"), _LIBRARY_LIMIT)


def _hardening(binary: lief.ELF.Binary, imports: set[str]) -> Hardening:
    relro = any(segment.type == _SEGMENT.TYPE.GNU_RELRO for segment in binary.segments)
    flags = binary.get(_TAG.FLAGS)
    now = binary.get(_TAG.BIND_NOW) is not None or bool(
        flags and flags.value & lief.ELF.DynamicEntryFlags.FLAG.BIND_NOW.value
    )
    return Hardening(
        position_independent=binary.is_pie,
        stack_not_executable=binary.has_nx,
        relro=("full" if now else "partial") if relro else "none",
        stack_canary="__stack_chk_fail" in imports,
        fortified=any(
            name.startswith("__") and name.endswith("_chk") for name in imports - {"__stack_chk_fail"}
        ),
    )


def _oddities(binary: lief.ELF.Binary) -> Iterator[Trait]:
    loaded = [segment for segment in binary.segments if segment.type == _SEGMENT.TYPE.LOAD]
    for segment in clip(loaded, 20):
        place, bits = hex(segment.virtual_address), entropy(segment.content)
        if _rights(segment) == "rwx":
            yield Trait(name="segment-writable-executable", weight=20, detail=place)
        if segment.has(_SEGMENT.FLAGS.X) and bits > PACKED:
            yield Trait(name="segment-packed", weight=25, detail=f"{place}: entropy {bits:.2f}")
    if loaded and not len(binary.sections):
        yield Trait(
            name="no-section-table", weight=15, detail="stripped so far that tools cannot look inside"
        )
    entry = binary.header.entrypoint
    if (
        entry
        and loaded
        and not any(_holds(segment, entry) for segment in loaded if segment.has(_SEGMENT.FLAGS.X))
    ):
        yield Trait(name="entry-point-outside-code", weight=20, detail=hex(entry))
    if any(path.startswith(("/tmp", "/dev/shm", ".")) for path in _run_paths(binary)):  # noqa: S108 - looked for, not used
        yield Trait(
            name="run-path-writable-by-all",
            weight=10,
            detail="libraries are loaded from where anybody may write",
        )
    if b"UPX!" in bytes(binary.overlay[:4096]) or any(
        b"UPX!" in bytes(segment.content[:4096]) for segment in loaded
    ):
        yield Trait(name="packer-upx", weight=20, detail="UPX!")


def _holds(segment: lief.ELF.Segment, address: int) -> bool:
    return bool(segment.virtual_address <= address < segment.virtual_address + segment.virtual_size)
