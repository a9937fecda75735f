"""PE: how a Windows program is built, what it imports, who signed it, what is odd about it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import lief
from pydantic import BaseModel

from orchestrator.worker import (
    Child,
    Fact,
    Findings,
    Limits,
    Sample,
    Tag,
    analysis_worker,
)
from workers import _pe_traits
from workers._dotnet import DotNet, read_dotnet
from workers._lief import label, text, texts
from workers._text import Text, clip
from workers._traits import Trait, detections, entropy, score

_LIBRARY_LIMIT, _FUNCTION_LIMIT, _SECTION_LIMIT, _RESOURCE_LIMIT, _EXPORT_LIMIT = 200, 500, 100, 200, 500
_CHILD_LIMIT = 20
_STRUCTURE_LIMIT = 60
_RESOURCE_DEPTH = 4
_CLR = lief.PE.DataDirectory.TYPES.CLR_RUNTIME_HEADER

#: How a payload begins that is worth an analysis of its own.
_NSIS = b"\xef\xbe\xad\xdeNullsoftInst"
_PAYLOADS = (b"MZ", b"PK\x03\x04", b"7z\xbc\xaf\x27\x1c", b"Rar!", b"MSCF", b"%PDF-", b"\xd0\xcf\x11\xe0")


class Section(BaseModel):
    """``entropy`` in bits per byte, 0…8; ``rights`` like ``r-x``."""

    name: Text
    address: int
    virtual_size: int
    raw_size: int
    entropy: float
    rights: str


class Import(BaseModel):
    library: Text
    functions: list[Text]


class Resource(BaseModel):
    type: Text
    name: Text
    language: Text
    size: int


class Signature(BaseModel):
    """``verification`` says whether this is what was signed, not whether to trust who signed it."""

    signer: Text
    issuer: Text
    serial: str
    valid_from: str
    valid_to: str
    digest: str
    verification: str


class Pe(BaseModel):
    """Sizes in bytes. ``oddities`` are what the score was made of."""

    machine: str
    subsystem: str
    library: bool
    compiled: str
    entry_point: int
    image_base: int
    imphash: str
    authentihash: str
    pdb: Text
    sections: list[Section]
    imports: list[Import]
    exports: list[Text]
    resources: list[Resource]
    version_info: dict[str, Text]
    overlay_offset: int
    overlay_size: int
    overlay_entropy: float
    signatures: list[Signature]
    dotnet: DotNet | None
    oddities: list[Trait]
    capabilities: list[Trait]


@analysis_worker(
    "pe",
    version="1.0",
    accepts={"pe"},
    result=Pe,
    limits=Limits(seconds=180, cpu_seconds=150),  # dnfile takes its time with large assemblies
    preload=("lief", "dnfile"),
)
def pe(sample: Sample) -> Findings:
    """Headers, sections, imports, resources, overlay, Authenticode and .NET metadata of a Windows program.

    The score adds up the weights of what is odd in the structure and of what the imports make possible, to
    60 at most: structure makes a program suspicious, never guilty. Nothing odd is no score.
    """
    binary = lief.PE.parse(str(sample.path))
    if binary is None:
        raise ValueError("the headers are broken: lief can read no PE here")
    oddities, capabilities = _pe_traits.oddities(binary), _pe_traits.capabilities(binary)
    with warnings.catch_warnings(category=RuntimeWarning, action="ignore"):  # numbers without a name
        result = _result(sample, binary, oddities, capabilities)
    return Findings(
        score=score([*oddities, *capabilities], _STRUCTURE_LIMIT),
        result=result,
        detections=detections(oddities),
        tags=[Tag("behaviour", trait.name) for trait in capabilities],
        facts=[Fact("imphash", result.imphash)] if result.imphash else [],
        children=list(_children(sample, binary)),
    )


def _result(
    sample: Sample,
    binary: lief.PE.Binary,
    oddities: list[Trait],
    capabilities: list[Trait],
) -> Pe:
    return Pe(
        machine=label(binary.header.machine),
        subsystem=label(binary.optional_header.subsystem),
        library=binary.header.has_characteristic(lief.PE.Header.CHARACTERISTICS.DLL),
        compiled=datetime.fromtimestamp(binary.header.time_date_stamps, UTC).isoformat(),
        entry_point=binary.optional_header.addressof_entrypoint,
        image_base=binary.optional_header.imagebase,
        imphash=lief.PE.get_imphash(binary, lief.PE.IMPHASH_MODE.PEFILE),
        authentihash=binary.authentihash_sha256.hex(),
        pdb=text(binary.codeview_pdb, "filename") if binary.codeview_pdb else "",
        sections=[_section(section) for section in clip(binary.sections, _SECTION_LIMIT)],
        imports=[_import(each) for each in clip(binary.imports, _LIBRARY_LIMIT)],
        exports=clip(texts(binary.exported_functions), _EXPORT_LIMIT),
        resources=clip((resource for resource, _ in _resources(binary)), _RESOURCE_LIMIT),
        version_info=_version_info(binary),
        overlay_offset=binary.overlay_offset,
        overlay_size=binary.overlay.nbytes,
        overlay_entropy=entropy(binary.overlay),
        signatures=list(_signatures(binary)),
        dotnet=read_dotnet(sample.path, sample.size) if _is_dotnet(binary) else None,
        oddities=oddities,
        capabilities=capabilities,
    )


def _is_dotnet(binary: lief.PE.Binary) -> bool:
    directory = binary.data_directory(_CLR)
    return bool(directory and directory.rva and directory.size)


def _section(section: lief.PE.Section) -> Section:
    return Section(
        name=_pe_traits.name_of(section),
        address=section.virtual_address,
        virtual_size=section.virtual_size,
        raw_size=section.sizeof_raw_data,
        entropy=round(section.entropy, 3),
        rights=_pe_traits.rights(section),
    )


def _import(each: lief.PE.Import) -> Import:
    names = (f"#{entry.ordinal}" if entry.is_ordinal else text(entry, "name") for entry in each.entries)
    return Import(library=text(each, "name"), functions=clip(names, _FUNCTION_LIMIT))


def _resources(binary: lief.PE.Binary) -> Iterator[tuple[Resource, bytes]]:
    """Every resource with its content; the tree's levels are type, name and language."""
    if not binary.has_resources:
        return
    waiting: list[tuple[Any, tuple[str, ...]]] = [(binary.resources, ())]
    while waiting:
        node, place = waiting.pop()
        for child in node.childs:
            path = (*place, text(child, "name") if child.has_name else _type_of(child.id, place))
            if child.is_data:
                type_, name, language = (*path, "", "", "")[:3]
                content = bytes(child.content)
                yield Resource(type=type_, name=name, language=language, size=len(content)), content
            elif len(path) < _RESOURCE_DEPTH:
                waiting.append((child, path))


def _type_of(number: int, place: tuple[str, ...]) -> str:
    if place:
        return str(number)
    try:
        return str(lief.PE.ResourcesManager.TYPE(number).name)
    except ValueError:
        return str(number)


def _version_info(binary: lief.PE.Binary) -> dict[str, str]:
    manager = binary.resources_manager if binary.has_resources else None
    if not isinstance(manager, lief.PE.ResourcesManager):
        return {}
    infos = (version.string_file_info for version in manager.version)
    tables = (table for info in infos if info for table in info.children)
    # Copied at once: an entry of lief's does not outlive the table that it was read from.
    entries = ((text(entry, "key"), text(entry, "value")) for table in tables for entry in table.entries)
    return dict(clip(entries, 50))


def _signatures(binary: lief.PE.Binary) -> Iterator[Signature]:
    for signature in clip(binary.signatures, 5):
        for signer in clip(signature.signers, 5):
            certificate = signer.cert
            yield Signature(
                signer=text(certificate, "subject") if certificate else "",
                issuer=text(signer, "issuer"),
                serial=bytes(signer.serial_number).hex(),
                valid_from=_date(certificate.valid_from) if certificate else "",
                valid_to=_date(certificate.valid_to) if certificate else "",
                digest=label(signer.digest_algorithm),
                verification=label(binary.verify_signature(signature)),
            )


def _date(parts: list[int]) -> str:
    return "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z".format(*parts)


def _children(sample: Sample, binary: lief.PE.Binary) -> Iterator[Child]:
    """Programs, archives and documents in resources and behind the last section."""
    inside = [(f"{resource.type}-{resource.name}", content) for resource, content in _resources(binary)]
    payloads = (
        (name, content)
        for name, content in [*inside, ("overlay", bytes(binary.overlay))]
        if content.startswith(_PAYLOADS) or content.startswith(_NSIS, 4)
    )
    for number, (name, content) in enumerate(clip(payloads, _CHILD_LIMIT)):
        path = sample.scratch / f"child{number}"
        path.write_bytes(content)
        yield Child(path, name)
