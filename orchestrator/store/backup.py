"""Copies of the embedded store, database and blobs, that can be put back."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from orchestrator.errors import NotFound, Refused
from orchestrator.settings import Settings

_DATABASE = "assay.sqlite3"
_BLOBS = "blobs"
_MANIFEST = "manifest.json"
_PAGES = 2000

_BYTES_OF_ROWS = """
SELECT sha256 FROM sample WHERE deleted_at IS NULL UNION SELECT checksum FROM evidence ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds, and the digest by which its database is known to be whole."""

    made: str
    revision: str
    database_sha256: str
    blobs: int
    #: Bytes that the database names and that were gone when they were to be copied.
    missing: int


def _places(settings: Settings) -> tuple[Path, Path]:
    """The files of an embedded store; :class:`Refused` where a part of it is elsewhere."""
    database = settings.database.removeprefix("sqlite:///")
    blobs = urlsplit(settings.blobs)
    if database == settings.database or blobs.scheme != "file":
        raise Refused("this copies the embedded store only: for others see docs/operations.md, Backup")
    return Path(database), Path(blobs.path)


def back_up(settings: Settings, folder: Path) -> Manifest:
    """Copy the store into a new folder, beside a running service; whole as of one moment.

    The database first: bytes are stored before the rows that name them, so all of its bytes are there.
    """
    database, blobs = _places(settings)
    if folder.exists() and any(folder.iterdir()):
        raise Refused(f"{folder} is not empty")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    copy = folder / _DATABASE
    with (
        closing(sqlite3.connect(f"{database.as_uri()}?mode=rw", uri=True)) as source,
        closing(sqlite3.connect(copy)) as target,
    ):
        source.backup(target, pages=_PAGES)
        target.execute("PRAGMA journal_mode=DELETE")
        revision = target.execute("SELECT version_num FROM alembic_version").fetchone()[0]
        wanted = [row[0] for row in target.execute(_BYTES_OF_ROWS)]
    copy.chmod(0o600)
    missing = sum(not _copy_blob(blobs, folder / _BLOBS, each) for each in wanted)
    manifest = Manifest(
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        revision=revision,
        database_sha256=_digest(copy),
        blobs=len(wanted) - missing,
        missing=missing,
    )
    # last: a folder without it is no backup
    (folder / _MANIFEST).write_text(json.dumps(asdict(manifest), indent=2) + "\n")
    return manifest


def restore(settings: Settings, folder: Path, *, replace: bool = False) -> Manifest:
    """Put a backup in the store's place; what was there is moved aside where ``replace`` says so.

    Nothing of Assay may run on the store meanwhile.
    """
    database, blobs = _places(settings)
    manifest = _checked(folder)
    there = [each for each in (database, blobs) if each.exists()]
    if there and not replace:
        raise Refused(f"{there[0]} exists: move it away, or replace it with --replace")
    for each in (*_files_of(database), blobs, settings.folder / "broker"):
        _move_aside(each)
    database.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in sorted((folder / _BLOBS).glob("??/??/*")):
        _copy_blob(folder / _BLOBS, blobs, path.name)
    _copy_durably(folder / _DATABASE, database)
    return manifest


def _checked(folder: Path) -> Manifest:
    """The backup's manifest, if all of it is there and whole."""
    try:
        manifest = Manifest(**json.loads((folder / _MANIFEST).read_text()))
    except FileNotFoundError:
        raise NotFound("backup", folder) from None
    except (TypeError, ValueError):
        raise Refused(f"{folder / _MANIFEST} is not a backup's") from None
    if _digest(folder / _DATABASE) != manifest.database_sha256:
        raise Refused(f"{folder / _DATABASE} is not what was backed up")
    blobs = sorted((folder / _BLOBS).glob("??/??/*"))
    if len(blobs) != manifest.blobs:
        raise Refused(f"{folder / _BLOBS} holds {len(blobs)} of {manifest.blobs} blobs")
    for path in blobs:
        if _digest(path) != path.name:
            raise Refused(f"{path} is not what was backed up")
    return manifest


def _files_of(database: Path) -> Iterator[Path]:
    """A database and what SQLite keeps beside it: an old log would spoil a new database."""
    yield database
    for suffix in ("-wal", "-shm", "-journal"):
        yield database.with_name(database.name + suffix)


def _move_aside(path: Path) -> None:
    if path.exists():
        number = 1
        while (aside := path.with_name(f"{path.name}.before-restore-{number}")).exists():
            number += 1
        path.rename(aside)


def _copy_blob(source: Path, target: Path, sha256: str) -> bool:
    inner = Path(sha256[:2], sha256[2:4], sha256)
    try:
        _copy_durably(source / inner, target / inner)
    except FileNotFoundError:
        return False
    return True


def _copy_durably(source: Path, target: Path) -> None:
    with source.open("rb") as file:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = target.with_name(f".incoming-{target.name}")
        with draft.open("wb") as copy:
            draft.chmod(0o600)
            shutil.copyfileobj(file, copy, 1 << 20)
            copy.flush()
            os.fsync(copy.fileno())
        draft.replace(target)


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return ""
