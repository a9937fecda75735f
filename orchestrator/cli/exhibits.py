"""Real files of different types that any machine with Python has."""

from __future__ import annotations

import importlib.util
import os
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import pikepdf

#: The EICAR test string (eicar.org, harmless by design), in parts: no file of this project contains it whole.
EICAR_PARTS = ("X5O!P%@AP[4\\PZX54(P^)7CC)7}", "$EICAR-STANDARD-", "ANTIVIRUS-TEST-FILE!", "$H+H*")


@dataclass(frozen=True, slots=True)
class Exhibit:
    """A file, the worker that must have had it, and a name that must be among what was found."""

    path: Path
    worker: str = "filetype"
    detection: str = ""


def gather(folder: Path) -> list[Exhibit]:
    """At least six files of different types; those that are made or unpacked go to ``folder``."""
    folder.mkdir(parents=True)
    found = [Exhibit(Path(sys.executable).resolve(), "elf"), Exhibit(_script())]
    wheel = _wheel()
    if wheel is not None:
        found.append(Exhibit(wheel, "archive"))
    launcher = _launcher(wheel, folder)
    if launcher is not None:
        found.append(Exhibit(launcher, "pe"))
    picture = next(_pictures(), None)
    if picture is not None:
        found.append(Exhibit(picture))
    found.append(Exhibit(_document(folder)))
    eicar = folder / "eicar.com"
    eicar.write_text("".join(EICAR_PARTS))
    found.append(Exhibit(eicar, "yara", "EICAR"))
    return found


def _script() -> Path:
    """The shell script that activates this environment, else a module of the standard library."""
    activate = Path(sys.prefix, "bin", "activate")
    return activate if activate.is_file() else Path(os.__file__)


def _wheel() -> Path | None:
    """The pip that Python brings along for new environments."""
    bundled = importlib.util.find_spec("ensurepip")
    folders = [Path(bundled.origin).parent / "_bundled"] if bundled and bundled.origin else []
    folders.append(Path("/usr/share/python-wheels"))
    return next(chain.from_iterable(each.glob("pip-*.whl") for each in folders), None)


def _launcher(wheel: Path | None, folder: Path) -> Path | None:
    """The Windows program that pip copies to start a script, or one of an installed package."""
    if wheel is not None:
        with zipfile.ZipFile(wheel) as archive:
            # distributions of Linux leave it out
            name = next((each for each in archive.namelist() if each.endswith("/t64.exe")), None)
            if name is not None:
                path = folder / "t64.exe"
                path.write_bytes(archive.read(name))
                return path
    return next(chain.from_iterable(Path(root).glob("setuptools/*-64.exe") for root in sys.path), None)


def _pictures() -> Iterator[Path]:
    """PNG files that installed packages, or the system, bring along."""
    roots = [*map(Path, sys.path), Path("/usr/share")]
    return chain.from_iterable(root.rglob("*.png") for root in roots if root.is_dir())


def _document(folder: Path) -> Path:
    """A PDF of one empty page."""
    path = folder / "page.pdf"
    with pikepdf.new() as document:
        document.add_blank_page()
        document.save(path)
    return path
