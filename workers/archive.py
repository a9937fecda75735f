"""Archive: what is inside, each file handed on, and every trick that archives are known for refused."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from pydantic import BaseModel

from orchestrator.worker import Child, Findings, Limits, NothingForMe, Sample, analysis_worker
from workers._external import TooLarge, Unreadable, open_with_tool
from workers._names import DOUBLE_EXTENSION
from workers._text import Text, clean, clip
from workers._traits import Trait, detections, score
from workers._unpack import BROKEN, Archive, Member, open_with_python

#: Tried in this order when an archive is encrypted, after those of option ``archive.passwords``.
PASSWORDS = (
    "infected",
    "malware",
    "virus",
    "password",
    "infected!",
    "1234",
    "12345",
    "123456",
    "admin",
    "test",
)

_MEMBER_LIMIT = 1_000
_CHILD_LIMIT = 200
_SIZE_LIMIT = 200 << 20
_RATIO_LIMIT = 100
_RATIO_FROM = 32 << 20
_BLOCK = 1 << 18

_DIRECTION = re.compile("[\u202a-\u202e\u2066-\u2069]")


class Entry(BaseModel):
    """A member as the archive describes it; ``size`` is its claim."""

    name: Text
    kind: str
    size: int
    modified: Text
    encrypted: bool
    target: Text


class Unpacked(BaseModel):
    """``stopped`` says why not everything was taken out, empty if it was."""

    format: str
    entries: list[Entry]
    entry_count: int
    encrypted: bool
    password: Text
    comment: Text
    extracted: int
    extracted_size: int
    stopped: str
    traits: list[Trait]


class _Unpacking:
    """One archive being taken out into the scratch folder, within its limits."""

    def __init__(self, sample: Sample) -> None:
        self.scratch = sample.scratch
        self.allowed = min(_SIZE_LIMIT, max(_RATIO_FROM, sample.size * _RATIO_LIMIT))
        self.entries: list[Entry] = []
        self.children: list[Child] = []
        self.traits: list[Trait] = []
        self.count = self.size = 0
        self.stopped = ""

    def take(self, archive: Archive) -> None:
        if archive.problem:
            self.traits.append(Trait(name="damaged", weight=0, detail=archive.problem))
        if "dangerous link" in archive.problem.lower():  # 7z's words for one that it did not make
            self.traits.append(Trait(name="link-outside", weight=40, detail=archive.problem))
        try:
            for member in archive.members:
                self.count += 1
                self._list(member)
                if member.kind == "file" and member.open and not self.stopped:
                    self._extract(member)
        except BROKEN as error:
            self._damaged(error)

    def _list(self, member: Member) -> None:
        self.traits += _tricks(member)
        if len(self.entries) < _MEMBER_LIMIT:
            about = {name: getattr(member, name) for name in Entry.model_fields}
            self.entries.append(Entry(**about))

    def _extract(self, member: Member) -> None:
        if len(self.children) == _CHILD_LIMIT:
            self.stopped = f"more than {_CHILD_LIMIT} files"
            return
        path = self.scratch / f"child{len(self.children)}"
        try:
            self._copy(member, path)
        except TooLarge:
            self.stop_at_size()
            path.unlink()
            return
        except BROKEN as error:
            self._damaged(error)
        if path.exists() and path.stat().st_size:
            self.children.append(Child(path, _harmless(member.name)))

    def _copy(self, member: Member, path: Path) -> None:
        assert member.open is not None
        with path.open("wb") as target, member.open() as source:
            # One read at a time, so that what stands before damage is kept.
            read = getattr(source, "read1", source.read)
            while block := read(_BLOCK):
                self.size += len(block)
                if self.size > self.allowed:
                    raise TooLarge
                target.write(block)

    def stop_at_size(self) -> None:
        self.stopped = f"more than {self.allowed >> 20} MiB"
        bomb = self.allowed < _SIZE_LIMIT
        self.traits.append(Trait(name="archive-bomb", weight=60 if bomb else 0, detail=self.stopped))

    def _damaged(self, error: BaseException) -> None:
        self.traits.append(Trait(name="damaged", weight=0, detail=f"{type(error).__name__}: {error}"))


@analysis_worker(
    "archive",
    version="1.0",
    accepts={"archive", "chm"},
    result=Unpacked,
    limits=Limits(seconds=180, cpu_seconds=150, scratch_mb=512),
)
def archive(sample: Sample) -> Findings:
    """Members of an archive, of a compressed file or of an installer; each file becomes a child.

    Encrypted archives are tried with ``infected`` and other usual passwords, and with those of option
    ``archive.passwords`` (separated by commas). At most 200 files and 200 MiB are taken out, and no more
    than a hundred times the archive's size. The score is that of tricks played: bombs, paths and links
    that lead outside, names that lie about their kind. No trick is no score: what is inside is judged
    by the analyses of the children.
    """
    own = [each.strip() for each in sample.options.get("archive.passwords", "").split(",") if each.strip()]
    passwords, unpacking, opened = [*own, *PASSWORDS], _Unpacking(sample), Archive("unknown", [])
    try:
        opened = open_with_python(sample.path, sample.file_name, passwords) or open_with_tool(
            sample.path, sample.scratch, passwords, unpacking.allowed
        )
        unpacking.take(opened)
    except TooLarge:
        unpacking.stop_at_size()
    except Unreadable as error:
        raise NothingForMe(str(error)) from error
    finally:
        shutil.rmtree(sample.scratch / "unpacked", ignore_errors=True)
    return _findings(unpacking, opened)


def _findings(unpacking: _Unpacking, opened: Archive) -> Findings:
    traits = [*unpacking.traits, *_locked(unpacking.entries, opened.password)]
    result = Unpacked(
        format=opened.format,
        entries=unpacking.entries,
        entry_count=unpacking.count,
        encrypted=any(entry.encrypted for entry in unpacking.entries),
        password=opened.password,
        comment=opened.comment,
        extracted=len(unpacking.children),
        extracted_size=sum(child.path.stat().st_size for child in unpacking.children),
        stopped=unpacking.stopped,
        traits=clip(traits, 100),
    )
    return Findings(score(traits), result, detections=detections(traits), children=unpacking.children)


def _locked(entries: list[Entry], password: str) -> Iterator[Trait]:
    if any(entry.encrypted for entry in entries):
        yield Trait(name="encrypted", weight=0, detail="opened" if password else "no known password opens it")


def _tricks(member: Member) -> Iterator[Trait]:
    if _leads_out(member.name):
        yield Trait(name="path-traversal", weight=50, detail=member.name)
    if member.kind == "link" and _leads_out(str(PurePosixPath(member.name).parent / member.target)):
        yield Trait(name="link-outside", weight=40, detail=f"{member.name} → {member.target}")
    if DOUBLE_EXTENSION.search(member.name):
        yield Trait(name="double-extension", weight=50, detail=member.name)
    if _DIRECTION.search(member.name):
        yield Trait(name="right-to-left-name", weight=50, detail=member.name)


def _leads_out(name: str) -> bool:
    """Whether the path, taken from the folder to unpack into, ends up outside of it."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if parts and (parts[0] == "/" or re.match(r"[A-Za-z]:", parts[0])):
        return True
    depth = 0
    for part in parts:
        depth += -1 if part == ".." else 1
        if depth < 0:
            return True
    return False


def _harmless(name: str) -> str:
    """The member's path without anything that leads upwards."""
    parts = [clean(part, 200) for part in name.replace("\\", "/").split("/")]
    return "/".join(part for part in parts if part not in {"", ".", ".."})[-400:]
