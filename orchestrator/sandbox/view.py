"""What a sandboxed run may read: the system's programs and libraries, and Python's. Nothing else."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable
from pathlib import Path

_SYSTEM = (
    *("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"),
    *("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives", "/etc/localtime"),
    *("/etc/ssl/certs", "/etc/ssl/openssl.cnf", "/etc/pki/tls/certs", "/etc/ca-certificates"),
    *("/etc/magic", "/etc/mime.types", "/etc/nsswitch.conf", "/etc/passwd", "/etc/group"),
    *("/etc/resolv.conf", "/etc/hosts", "/etc/host.conf", "/etc/gai.conf", "/etc/services"),
    "/sys/devices/system/cpu",
)
_CODE = (".py", ".so", ".pyc", ".zip", ".egg")

#: The device files of a run.
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")


def visible(import_path: Iterable[str], also: Iterable[str] = ()) -> list[str]:
    """The paths that exist here and that a run may read, without those below another one.

    ``import_path`` is a ``sys.path``. Of an entry outside the Python installation, such as the checkout
    of an editable install, only modules and packages are shown: the settings, the database or other
    people's files may lie next to them.
    """
    wanted = [*_SYSTEM, *also]
    installation = {os.path.realpath(each) for each in (sys.prefix, sys.base_prefix, sys.exec_prefix)}
    wanted += [sys.prefix, sys.base_prefix, sys.exec_prefix]
    for entry in import_path:
        path = os.path.realpath(entry)
        if not os.path.isdir(path) or _within(path, installation) or _is_site(path):
            wanted.append(entry)
        else:
            wanted += _code_in(entry)
    wanted += [os.path.realpath(each) for each in wanted]
    present = sorted({os.path.abspath(each) for each in wanted if os.path.lexists(each)})
    return [each for each in present if not _below_another(each, present)]


def open_to_everybody(path: str) -> bool:
    """Whether a user without any rights of its own can reach and read this file or folder."""
    resolved = Path(os.path.realpath(path))
    try:
        folders = all(each.stat().st_mode & stat.S_IXOTH for each in resolved.parents)
        return folders and bool(resolved.stat().st_mode & stat.S_IROTH)
    except OSError:
        return False


def _within(path: str, folders: Iterable[str]) -> bool:
    return any(os.path.commonpath([path, each]) == each for each in folders)


def _is_site(path: str) -> bool:
    return os.path.basename(path) in {"site-packages", "dist-packages"}


def _below_another(path: str, present: list[str]) -> bool:
    return any(
        path != each and path.startswith(each.rstrip("/") + "/") and not os.path.islink(each)
        for each in present
    )


def _code_in(folder: str) -> list[str]:
    try:
        entries = [each for each in os.scandir(folder) if not each.name.startswith(".")]
    except OSError:
        return []
    return [each.path for each in entries if each.name.endswith(_CODE) or _is_package(each)]


def _is_package(entry: os.DirEntry[str]) -> bool:
    if not entry.is_dir() or not entry.name.isidentifier():
        return False
    try:
        return any(name.endswith(".py") for name in os.listdir(entry.path))
    except OSError:
        return False
