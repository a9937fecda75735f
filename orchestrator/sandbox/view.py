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
_CODE = {".py", ".pyc", ".so", ".zip", ".egg"}
_SITES = {"site-packages", "dist-packages"}
#: Folders that say what is installed next to them: entry points are found there.
_METADATA = {".dist-info", ".egg-info"}

#: The device files of a run.
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")


def visible(import_path: Iterable[str], also: Iterable[str] = ()) -> list[str]:
    """The paths that exist here and that a run may read, without those below another one.

    ``import_path`` is a ``sys.path``. Of an entry outside the Python installation, such as the checkout
    of an editable install, only modules and packages are shown: the settings, the database or other
    people's files may lie next to them.
    """
    installation = [Path(each) for each in (sys.prefix, sys.base_prefix, sys.exec_prefix)]
    wanted = [*map(Path, _SYSTEM), *map(Path, also), *installation]
    resolved = [each.resolve() for each in installation]
    for entry in map(Path, import_path):
        whole = entry.name in _SITES or any(entry.resolve().is_relative_to(each) for each in resolved)
        wanted += _code_in(entry) if entry.is_dir() and not whole else [entry]
    wanted += [each.resolve() for each in wanted]
    present = {each for each in wanted if os.path.lexists(each)}
    return sorted(str(each) for each in present if not _below_another(each, present))


def open_to_everybody(path: str) -> bool:
    """Whether a user without any rights of its own can reach and read this file or folder."""
    resolved = Path(path).resolve()
    try:
        reachable = all(each.stat().st_mode & stat.S_IXOTH for each in resolved.parents)
        return reachable and bool(resolved.stat().st_mode & stat.S_IROTH)
    except OSError:
        return False


def _below_another(path: Path, present: set[Path]) -> bool:
    return any(each in present for each in path.parents)


def _code_in(folder: Path) -> list[Path]:
    try:
        return [each for each in folder.iterdir() if _is_code(each)]
    except OSError:
        return []


def _is_code(path: Path) -> bool:
    if not path.is_dir():
        return path.suffix in _CODE
    if path.suffix in _METADATA:
        return True
    return path.name.isidentifier() and any(each.suffix in _CODE for each in _entries(path))


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []
