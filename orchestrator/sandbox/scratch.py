"""A run's scratch folder as an untrusted tree: measured, copied from and removed without following links.

Everything works on directory file descriptors, so that a link that appears between a look and a step
leads nowhere.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import secrets
import shutil
import stat
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

MAX_FILES = 20_000
_MAX_DEPTH = 32
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_BLOCK = 512


class NotAcceptable(ValueError):
    """A file that the worker named is not one that it may hand over."""


def disk_usage(folder: str | int) -> tuple[int, int]:
    """Bytes on the disk and number of files below a folder, counted up to ``MAX_FILES``.

    A tree deeper than anybody needs counts as having too many files.
    """
    size, files = 0, 0
    linked = set()
    opened = os.open(folder, _FOLDER) if isinstance(folder, str) else os.dup(folder)
    waiting = [(opened, 0)]
    try:
        while waiting and files <= MAX_FILES:
            here, depth = waiting.pop()
            try:
                for name in os.listdir(here):  # noqa: PTH208 - a descriptor
                    files += 1
                    with contextlib.suppress(FileNotFoundError):
                        found = os.stat(name, dir_fd=here, follow_symlinks=False)
                        size += 0 if found.st_ino in linked else found.st_blocks * _BLOCK
                        linked.add(found.st_ino)
                    if files > MAX_FILES or depth > _MAX_DEPTH:
                        return size, MAX_FILES + 1
                    if stat.S_ISDIR(found.st_mode):
                        with contextlib.suppress(OSError):
                            waiting.append((os.open(name, _FOLDER, dir_fd=here), depth + 1))
            finally:
                os.close(here)
        return size, files
    finally:
        for left, _ in waiting:
            os.close(left)


def collect(source: int, names: Iterable[Path], target: Path, budget: int) -> None:
    """Copy the named regular files from the folder ``source`` into ``target``, ``budget`` bytes at most.

    Raises :class:`NotAcceptable` for a name that leaves the folder or is not a plain file.
    """
    for name in dict.fromkeys(names):
        opened = _open_beneath(source, name)
        try:
            found = os.fstat(opened)
            if not stat.S_ISREG(found.st_mode):
                raise NotAcceptable(f"{str(name)!r} is not a regular file")
            budget -= found.st_size
            if budget < 0:
                raise NotAcceptable("the files handed over are larger than the scratch folder may be")
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            with open(opened, "rb", closefd=False) as reader, (target / name).open("xb") as writer:
                shutil.copyfileobj(reader, writer, 1 << 20)
        finally:
            os.close(opened)


def remove(folder: Path) -> None:
    """Remove a tree of any shape and depth; a folder that is not there is no error.

    Each folder is pulled up to the top before it is emptied, so the depth that matters is always two.
    """
    try:
        top = os.open(folder, _FOLDER)
    except FileNotFoundError:
        return
    try:
        _empty(top)
    finally:
        os.close(top)
    folder.rmdir()


def _empty(top: int) -> None:
    serial = itertools.count()
    prefix = secrets.token_hex(8)
    waiting = _unlink_files(top)
    while waiting:
        name = waiting.pop()
        here = os.open(name, _FOLDER, dir_fd=top)
        try:
            for inner in _unlink_files(here):
                pulled_up = f"{prefix}-{next(serial)}"
                os.rename(inner, pulled_up, src_dir_fd=here, dst_dir_fd=top)
                waiting.append(pulled_up)
        finally:
            os.close(here)
        os.rmdir(name, dir_fd=top)


def _unlink_files(folder: int) -> list[str]:
    """Unlink all but the folders, and return those, made accessible."""
    folders = []
    for name in os.listdir(folder):
        if stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            os.chmod(name, 0o700, dir_fd=folder)
            folders.append(name)
        else:
            os.unlink(name, dir_fd=folder)
    return folders


def _open_beneath(folder: int, name: Path) -> int:
    parts = PurePosixPath(name).parts
    if not parts or name.is_absolute() or ".." in parts:
        raise NotAcceptable(f"{str(name)!r} does not lie in the scratch folder")
    here = os.dup(folder)
    try:
        for part in parts[:-1]:
            inner = os.open(part, _FOLDER, dir_fd=here)
            os.close(here)
            here = inner
        return os.open(parts[-1], _FILE, dir_fd=here)
    except (OSError, ValueError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
        raise NotAcceptable(f"{str(name)!r} cannot be taken from the scratch folder: {reason}") from None
    finally:
        os.close(here)
