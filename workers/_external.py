"""Unpacking with an installed tool what the standard library cannot read: 7z, or libarchive's bsdtar.

What a tool leaves is read like any archive's members: links are never followed, and what it writes is
watched, for the sizes that an archive states are its own claims.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import IO

from workers._unpack import Archive, Member

_POLL_SECONDS = 0.05
_LOG_LIMIT = 1 << 16


class Unreadable(Exception):
    """No tool here can read this archive; the message says why."""


class TooLarge(Exception):
    """What is inside is more than it may be."""


def _seven_zip(tool: str, path: Path, folder: Path, password: str) -> list[str]:
    return [tool, "x", "-y", "-bd", "-bso0", "-bsp0", f"-p{password}", f"-o{folder}", "--", str(path)]


def _bsdtar(tool: str, path: Path, folder: Path, password: str) -> list[str]:
    locked = ["--passphrase", password] if password else []
    return [tool, "-x", *locked, "--no-same-owner", "--no-xattrs", "-C", str(folder), "-f", str(path)]


#: Tried in this order: who is asked, how, and what is said of a wrong password.
_TOOLS: tuple[tuple[str, Callable[[str, Path, Path, str], list[str]], str], ...] = (
    ("7z", _seven_zip, "wrong password"),
    ("7zz", _seven_zip, "wrong password"),
    ("bsdtar", _bsdtar, "passphrase"),
)


def open_with_tool(path: Path, scratch: Path, passwords: list[str], limit: int) -> Archive:
    """The archive at ``path``, unpacked below ``scratch/unpacked``.

    What the first tool complains of is tried with the next, and whatever got more out is taken.
    :class:`TooLarge` as soon as there are more than ``limit`` bytes.
    """
    attempts: list[tuple[int, Archive]] = []
    for name, command, refusal in _TOOLS:
        if tool := shutil.which(name):
            folder = scratch / "unpacked" / name
            opened = _open(partial(command, tool, path, folder), folder, refusal, ["", *passwords], limit)
            attempts.append((_used(folder), replace(opened, format=name)))
            if not opened.problem:
                break
    if not attempts:
        raise Unreadable("only 7z or bsdtar can open this format, and none is installed")
    _, best = max(attempts, key=lambda attempt: attempt[0])
    if not any(True for _ in best.members):
        problems = (f"{opened.format}: {opened.problem or 'nothing inside'}" for _, opened in attempts)
        raise Unreadable("; ".join(problems).replace(str(path), "sample"))
    return best


def _open(
    command: Callable[[str], list[str]], folder: Path, refusal: str, passwords: list[str], limit: int
) -> Archive:
    """What one tool makes of the archive, with the first password that it does not refuse."""
    for password in passwords:
        folder.mkdir(parents=True)
        problem = _run(command(password), folder, limit)
        if refusal not in problem.lower():
            members = list(_walk(folder, encrypted=bool(password)))
            return Archive("", members, password=password, problem=problem.replace(f"{folder}/", ""))
        shutil.rmtree(folder)
    return Archive("", [Member("", "file", 0, encrypted=True)])


def _run(command: list[str], folder: Path, limit: int) -> str:
    """Unpack into the folder; what the tool complains of, empty if nothing."""
    with tempfile.TemporaryFile(dir=folder.parent) as log:
        with subprocess.Popen(  # noqa: S603 - no shell, and the sample's path is ours
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        ) as process:
            while process.poll() is None:
                time.sleep(_POLL_SECONDS)
                if _used(folder) > limit:
                    process.kill()
                    raise TooLarge
        if _used(folder) > limit:
            raise TooLarge
        log.seek(0)
        text = log.read(_LOG_LIMIT).decode("utf-8", "backslashreplace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    failed = process.returncode != 0 and not (process.returncode == 1 and command[1] == "x")  # 7z only warns
    return "; ".join(lines)[-300:] or f"status {process.returncode}" if failed else ""


def _used(folder: Path) -> int:
    return sum(entry.stat(follow_symlinks=False).st_size for entry in _entries(folder))


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    with suppress(FileNotFoundError, PermissionError), os.scandir(folder) as entries:  # the tool is at work
        for entry in entries:
            yield entry
            if entry.is_dir(follow_symlinks=False):
                yield from _entries(Path(entry.path))


def _walk(folder: Path, *, encrypted: bool) -> Iterator[Member]:
    for entry in sorted(_entries(folder), key=lambda each: each.path):
        name, about, place = (
            os.path.relpath(entry.path, folder),
            entry.stat(follow_symlinks=False),
            Path(entry.path),
        )
        if entry.is_symlink():
            yield Member(name, "link", 0, target=str(place.readlink()))
        elif entry.is_dir(follow_symlinks=False):
            yield Member(name, "folder", 0)
        elif entry.is_file(follow_symlinks=False):
            about = entry.stat(follow_symlinks=False)
            modified = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(about.st_mtime))
            yield Member(name, "file", about.st_size, modified, encrypted, open=partial(_read, place))


def _read(path: Path) -> IO[bytes]:
    return path.open("rb")
