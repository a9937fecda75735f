"""Reading the parts of an Office document that matter, old (OLE) and new (OOXML) alike."""

from __future__ import annotations

import re
import warnings
import zipfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

with warnings.catch_warnings(action="ignore"):  # oletools calls pyparsing by names that it deprecates
    import msoffcrypto
    import olefile  # type: ignore[import-untyped]
    from oletools import msodde, oleobj, olevba
    from oletools.common.clsid import KNOWN_CLSIDS

_PART_LIMIT = 32 << 20
_MODULE_LIMIT, _OBJECT_LIMIT, _FIELD_LIMIT, _STREAM_LIMIT = 200, 50, 100, 2_000
_XML_LIMIT = 4 << 20
_RELATION = re.compile(r"<Relationship\b[^>]{0,4000}>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"\b(Type|Target|TargetMode)\s*=\s*[\"']([^\"']{0,2000})[\"']", re.IGNORECASE)
_EMBEDDED = re.compile(r"/(embeddings|activeX)/[^/]+$")
_FORMULA = re.compile(r"<(?:\w+:)?f\b[^>]{0,200}>([^<]{1,2000})</")
_PROPERTY = re.compile(r"<(?:dc|cp|dcterms):(\w+)[^>]{0,200}>([^<]{1,500})</")
_PROPERTIES = (
    "author",
    "last_saved_by",
    "create_time",
    "last_saved_time",
    "creating_application",
    "title",
    "template",
)


class Module(NamedTuple):
    """A macro module: the stream it stands in, and its source."""

    place: str
    code: str


class Relation(NamedTuple):
    """A part that is loaded from elsewhere."""

    kind: str
    target: str


class Embedded(NamedTuple):
    name: str
    content: bytes


def decrypt(path: Path, target: Path, passwords: list[str]) -> tuple[bool, str]:
    """Whether the document is encrypted, and the password with which it was written to ``target``."""
    with path.open("rb") as file:
        document = msoffcrypto.OfficeFile(file)
        if not document.is_encrypted():
            return False, ""
        for password in passwords:
            try:
                document.load_key(password=password)
                with target.open("wb") as opened:
                    document.decrypt(opened)
            except Exception:  # noqa: BLE001, S112 - a wrong password shows as any error, depending on the format
                continue
            if target.stat().st_size:
                return True, password
    target.unlink(missing_ok=True)
    return True, ""


def modules(path: Path) -> list[Module]:
    """The source of every VBA module, and of Excel 4 macros in old workbooks."""
    parser = olevba.VBA_Parser(str(path), disable_pcode=True)
    try:
        if not parser.detect_macros():
            return []
        taken = islice(parser.extract_macros(), _MODULE_LIMIT)
        return [Module(str(place), str(code)) for _, place, _, code in taken]
    finally:
        parser.close()


def macro_sheets(path: Path) -> list[Module]:
    """Formulas of Excel 4 macro sheets in new workbooks; a binary sheet's are not readable, but named."""
    with zipfile.ZipFile(path) as container:
        names = [name for name in container.namelist() if re.match(r"xl/macrosheets/[^/]+\.(xml|bin)$", name)]
        return [
            Module(name, "\n".join("=" + formula for formula in _FORMULA.findall(_read(container, name))))
            for name in names[:_MODULE_LIMIT]
        ]


def fields(path: Path) -> list[str]:
    """The commands of DDE fields and links."""
    with warnings.catch_warnings(action="ignore"):
        text = msodde.process_file(str(path), msodde.FIELD_FILTER_DDE)
    # A link to another workbook begins with a control byte, see [MS-XLS] 2.5.277: it is no command.
    lines = (line for line in text.split("\n") if line.strip() and not line.startswith("\x01"))
    return [line.replace("\x03", " ").strip() for line in lines][:_FIELD_LIMIT]


def relations(path: Path) -> list[Relation]:
    """Everything that a new document's parts load from outside."""
    with zipfile.ZipFile(path) as container:
        names = [name for name in container.namelist() if name.endswith(".rels")]
        return list(islice(_external(container, names), _STREAM_LIMIT))


def _external(container: zipfile.ZipFile, names: list[str]) -> Iterator[Relation]:
    for name in names[:_STREAM_LIMIT]:
        for tag in _RELATION.findall(_read(container, name)):
            about = {key.lower(): value for key, value in _ATTRIBUTE.findall(tag)}
            if about.get("targetmode", "").lower() == "external":
                yield Relation(about.get("type", "").rpartition("/")[2], about.get("target", ""))


def _read(container: zipfile.ZipFile, name: str) -> str:
    with container.open(name) as member:
        return member.read(_XML_LIMIT).decode("utf-8", "replace")


def embedded(path: Path) -> list[Embedded]:
    """Files inside: embedded parts of new documents, packages and objects of old ones."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as container:
            names = [name for name in container.namelist() if _EMBEDDED.search(name)][:_OBJECT_LIMIT]
            return [Embedded(name.rpartition("/")[2], _bytes(container, name)) for name in names]
    with olefile.OleFileIO(path) as document:
        return list(islice(_native(document), _OBJECT_LIMIT))


def _bytes(container: zipfile.ZipFile, name: str) -> bytes:
    with container.open(name) as member:
        return member.read(_PART_LIMIT)


def _native(document: Any) -> Iterator[Embedded]:
    for place in document.listdir()[:_STREAM_LIMIT]:
        if place[-1].lower() == "\x01ole10native":
            native = oleobj.OleNativeStream(document.openstream(place).read(_PART_LIMIT))
            if native.data:
                yield Embedded(native.filename or "package", bytes(native.data))
        elif place[-1] in {"Package", "CONTENTS"}:
            yield Embedded(place[-1], document.openstream(place).read(_PART_LIMIT))


def exploited_classes(path: Path) -> list[str]:
    """Objects of a class that has been attacked, as oletools' list describes them."""
    with olefile.OleFileIO(path) as document:
        storages = document.listdir(streams=False, storages=True)[:_STREAM_LIMIT]
        numbers = {document.root.clsid, *(document.getclsid(storage) for storage in storages)}
    known = (KNOWN_CLSIDS.get(number.upper(), "") for number in numbers if number)
    return sorted(description for description in known if "CVE" in description)


def properties(path: Path) -> dict[str, str]:
    """Author, dates and program, as the document states them."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as container:
            if "docProps/core.xml" not in container.namelist():
                return {}
            return dict(_PROPERTY.findall(_read(container, "docProps/core.xml")))
    with olefile.OleFileIO(path) as document:
        about = document.get_metadata()
    values = {name: getattr(about, name) for name in _PROPERTIES}
    return {name: _plain(value) for name, value in values.items() if value}


def _plain(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
