"""Reading archives of the standard library's formats member by member.

Nothing here writes a file, follows a link, or believes a size that an archive states.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import stat
import tarfile
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any, Literal

import pyzipper

Kind = Literal["file", "folder", "link", "device"]
Opener = Callable[[], AbstractContextManager[IO[bytes]]]

#: What reading a broken archive or member may raise.
BROKEN = (
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
    zlib.error,
    lzma.LZMAError,
    tarfile.TarError,
    pyzipper.BadZipFile,
)

_SINGLE: tuple[tuple[bytes, str, Callable[[Path], Any]], ...] = (
    (b"\x1f\x8b", "gzip", gzip.open),
    (b"BZh", "bzip2", bz2.open),
    (b"\xfd7zXZ\0", "xz", lzma.open),
)


class Unreadable(Exception):
    """Nothing here can read this archive; the message says why."""


class TooLarge(Exception):
    """What is inside is more than it may be."""


@dataclass(frozen=True, slots=True)
class Member:
    """One entry. Names and sizes are the archive's claims; ``open`` is there for a file's content only."""

    name: str
    kind: Kind
    size: int
    modified: str = ""
    encrypted: bool = False
    target: str = ""
    open: Opener | None = None


@dataclass(frozen=True, slots=True)
class Archive:
    """``problem`` is what a tool complained of while it unpacked."""

    format: str
    members: Iterable[Member]
    comment: str = ""
    password: str = ""
    problem: str = ""


def open_with_python(path: Path, name: str, passwords: list[str]) -> Archive | None:
    """The archive at ``path``, or None where its format is not one of the standard library's."""
    with path.open("rb") as file:
        head = file.read(512)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        with suppress(*BROKEN):
            return _zip(path, passwords)
    elif head[257:262] == b"ustar":
        return Archive("tar", _tar(path))
    for magic, format_, opener in _SINGLE:
        if head.startswith(magic):
            inner = Path(name).stem or "content"
            return Archive(format_, [Member(inner, "file", 0, open=partial(opener, path))])
    return None


def _zip(path: Path, passwords: list[str]) -> Archive:
    container = pyzipper.AESZipFile(path)
    infos = container.infolist()
    password = ""
    if locked := [info for info in infos if info.flag_bits & 1 and not info.is_dir()]:
        smallest = min(locked, key=lambda info: info.file_size)
        password = next((each for each in passwords if _opens(container, smallest, each)), "")
    if any(info.compress_type not in {0, 8, 12, 14, 99} for info in infos):
        raise NotImplementedError("a method that only other tools know")
    members = [_zip_member(container, info, password) for info in infos]
    return Archive("zip", members, container.comment.decode("utf-8", "backslashreplace"), password)


def _zip_member(container: Any, info: Any, password: str) -> Member:
    mode = info.external_attr >> 16
    kind: Kind = "folder" if info.is_dir() else "link" if stat.S_ISLNK(mode) else "file"
    return Member(
        name=info.filename,
        kind=kind,
        size=info.file_size,
        modified="{:04}-{:02}-{:02}T{:02}:{:02}:{:02}".format(*info.date_time),
        encrypted=bool(info.flag_bits & 1),
        target=_link_target(container, info) if kind == "link" else "",
        open=partial(container.open, info, pwd=password.encode() or None),
    )


def _link_target(container: Any, info: Any) -> str:
    with suppress(*BROKEN), container.open(info) as file:
        return str(file.read(1024).decode("utf-8", "backslashreplace"))
    return ""


def _opens(container: Any, info: Any, password: str) -> bool:
    """Whether the password is right: the old cipher lets one in 256 wrong ones through, the checksum none."""
    try:
        with container.open(info, pwd=password.encode()) as file:
            while file.read(1 << 16):
                pass
    except BROKEN:
        return False
    return True


def _tar(path: Path) -> Iterator[Member]:
    with tarfile.open(path, "r:") as archive:
        for info in archive:
            kind: Kind = "file" if info.isreg() else "folder" if info.isdir() else "device"
            yield Member(
                name=info.name,
                kind="link" if info.issym() or info.islnk() else kind,
                size=info.size,
                modified=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(min(max(info.mtime, 0), 1 << 40))),
                target=info.linkname,
                open=partial(_tar_member, archive, info),
            )


def _tar_member(archive: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    content = archive.extractfile(info)
    assert content is not None  # as it is for every regular file
    return content
