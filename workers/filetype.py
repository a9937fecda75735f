"""File type: what kind of file this is, by its content, whatever its name says."""

from __future__ import annotations

import mmap
import os
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

# Imported before magic: it points python-magic at the libmagic of its own wheel.
import pylibmagic  # isort: skip
import magic  # isort: skip
import onnxruntime  # type: ignore[import-untyped]
from magika import Magika
from pydantic import BaseModel

from orchestrator.worker import Classification, Fact, Findings, Sample, analysis_worker
from workers import _types
from workers._text import Text

_DATABASE = str(pylibmagic.data / "magic.mgc")
_HEAD = 1024
_FOOTER = 512
#: What makes a page or a piece of XML something that Windows runs.
_RUN_BY_WINDOWS = {
    "hta": re.compile(rb"<hta:application\b", re.IGNORECASE),
    "wsf": re.compile(
        rb"<(?:job|package|scriptlet|component)\b[^>]{0,500}>.{0,4000}?<script\b", re.IGNORECASE | re.DOTALL
    ),
}
_VERSION = "1.0"

_OLE_STREAMS = {
    "WordDocument": "doc",
    "Workbook": "xls",
    "Book": "xls",
    "PowerPoint Document": "ppt",
    "EncryptedPackage": "ooxml",
    "__properties_version1.0": "msg",
    "VisioDocument": "visio",
    "HwpSummaryInformation": "hwp",
}
_OOXML = "[Content_Types].xml"

#: Members or top folders that a ZIP container must have, and what it then is; the first one wins.
_ZIP_MEMBERS: tuple[tuple[set[str], str], ...] = (
    ({"AndroidManifest.xml"}, "apk"),
    ({_OOXML, "xl/workbook.bin"}, "xlsb"),
    ({_OOXML, "word"}, "docx"),
    ({_OOXML, "xl"}, "xlsx"),
    ({_OOXML, "ppt"}, "pptx"),
    ({_OOXML, "visio"}, "visio"),
    ({_OOXML, "package"}, "nupkg"),
    ({_OOXML}, "ooxml"),
    ({"mimetype", "META-INF/container.xml"}, "epub"),
    ({"mimetype", "META-INF/manifest.xml"}, "odf"),
    ({"META-INF/MANIFEST.MF"}, "jar"),
    ({"Payload"}, "ipa"),
)


class Guess(BaseModel):
    """What one library says; ``score`` is Magika's confidence, 0…1."""

    label: Text
    mime_type: Text
    score: float | None = None


class FileType(BaseModel):
    """The classification and what it was made from. Vocabulary: ``workers/_types.py``."""

    type: str
    super_type: str
    arch: str
    platform: str
    mime_type: Text
    magika: Guess
    libmagic: Guess


class _Magika(Magika):
    """Magika on the calling thread: a pool's threads would not live on in the sandbox's forked children."""

    def _init_onnx_session(self) -> onnxruntime.InferenceSession:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        return onnxruntime.InferenceSession(self._model_path, options, providers=["CPUExecutionProvider"])


_magika = _Magika()
_mime = magic.Magic(mime=True, magic_file=_DATABASE)
_describe = magic.Magic(magic_file=_DATABASE)


@analysis_worker("filetype", version=_VERSION, result=FileType, classifies=True, preload=("magika", "magic"))
def filetype(sample: Sample) -> Findings:
    """Classify the sample by content, with Magika's model and libmagic's signatures.

    Never a score: a kind of file is neither good nor bad. Signatures decide between binary formats, the
    model between texts, and the file name only where both see nothing but text.
    """
    prediction = _magika.identify_path(sample.path)
    label, output = str(prediction.output.label), prediction.output
    mime, description = _mime.from_file(str(sample.path)), _describe.from_file(str(sample.path))
    type_ = _decide(sample, mime, description, label)
    result = FileType(
        type=type_,
        super_type=_super_type(type_, str(output.group)),
        arch=_architecture(type_, description),
        platform=_platform(type_, description),
        mime_type=mime if mime not in {"application/octet-stream", "text/plain"} else output.mime_type,
        magika=Guess(label=label, mime_type=output.mime_type, score=round(float(prediction.score), 3)),
        libmagic=Guess(label=description, mime_type=mime),
    )
    about = {"mimeType": result.mime_type, "description": result.libmagic.label}
    return Findings(
        result=result,
        facts=[Fact("mimeType", result.mime_type), Fact("fileType", type_)],
        classification=Classification(type_, result.super_type, result.arch, result.platform, about),
    )


def _decide(sample: Sample, mime: str, description: str, label: str) -> str:
    if signed := _by_signature(sample.path, description, label) or _types.MIME_TYPES.get(mime):
        return signed
    extension = _extension(sample.file_name)
    type_ = _types.MAGIKA_TYPES.get(label, label)
    if type_ in {"html", "xml", "asp", "txt"} and (run := _run_by_windows(sample.path)):
        return run
    if type_ == "vba" and extension != "bas":  # one language to the model; a file of its own is VBScript
        return "vbscript"
    if type_ not in {"txt", "unknown"}:
        return type_
    return _types.TEXT_MIME_TYPES.get(mime) or _types.EXTENSIONS.get(extension) or type_


def _by_signature(path: Path, description: str, label: str) -> str:
    """The type of a format whose container or header decides which workers look at it, else nothing."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    signatures: list[tuple[bool, Callable[[], str]]] = [
        (head.startswith(b"MZ"), lambda: "pe" if "PE32" in description or label == "pebin" else "mz"),
        (head.startswith(b"\x7fELF"), lambda: "elf"),
        (head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), lambda: _ole_type(path, description)),
        (head.startswith(b"PK\x03\x04"), lambda: _zip_type(path)),
        (head.startswith(b"dex\n"), lambda: "dex"),
        (head.startswith(b"X5O!P%@AP[4"), lambda: "com"),  # EICAR is a program for DOS
        (head.startswith(b"\xef\xbe\xad\xdeNullsoftInst", 4), lambda: "nsis"),  # an installer's overlay
        (head.lstrip().startswith(b"{\\rt"), lambda: "rtf"),
        (head.startswith(b"#@~^"), lambda: "vbe"),  # Microsoft's script encoder, of whichever language
        (head.startswith(bytes.fromhex("e4525c7b8cd8a74daeb15378d02996d3")), lambda: "one"),
        (head.startswith((b"vhdxfile", b"conectix")) or _ends_as_disk(path), lambda: "vhd"),
        (b"%PDF-" in head, lambda: "pdf"),  # readers accept a header anywhere in the first kilobyte
    ]
    return next((decide() for matches, decide in signatures if matches), "")


def _run_by_windows(path: Path) -> str:
    with path.open("rb") as file:
        text = file.read(_HEAD * 64)
    return next((type_ for type_, pattern in _RUN_BY_WINDOWS.items() if pattern.search(text)), "")


def _ends_as_disk(path: Path) -> bool:
    """Whether a footer says that this is a virtual disk of a fixed size, whose beginning is the disk's."""
    with path.open("rb") as file:
        file.seek(-min(_FOOTER, path.stat().st_size), os.SEEK_END)
        return file.read(8) == b"conectix"


def _ole_type(path: Path, description: str) -> str:
    """The program that an OLE compound file belongs to, by the names of its streams."""
    if "MSI Installer" in description:
        return "msi"
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        found = (type_ for name, type_ in _OLE_STREAMS.items() if content.find(_wide(name)) >= 0)
        return next(found, "ole")


def _wide(name: str) -> bytes:
    return name.encode("utf-16-le") + b"\0\0"


def _zip_type(path: Path) -> str:
    """The format that a ZIP container carries, by the names of its members."""
    try:
        with zipfile.ZipFile(path) as container:
            names = set(container.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return "zip"
    folders = {name.partition("/")[0] for name in names}
    return next((type_ for needed, type_ in _ZIP_MEMBERS if needed <= names | folders), "zip")


def _super_type(type_: str, group: str) -> str:
    return _types.SUPER_TYPES.get(type_) or _types.MAGIKA_GROUPS.get(group, group)


def _architecture(type_: str, description: str) -> str:
    if type_ not in {"pe", "elf", "macho"}:
        return ""
    text = description.lower()
    return next((arch for word, arch in _types.ARCHITECTURES.items() if word in text), "")


def _platform(type_: str, description: str) -> str:
    if type_ == "elf" and "BSD" in description:
        return next(name for name in ("freebsd", "netbsd", "openbsd", "bsd") if name in description.lower())
    return _types.PLATFORMS.get(type_, "")


def _extension(file_name: str) -> str:
    return file_name.rpartition(".")[2].lower() if "." in file_name else ""
