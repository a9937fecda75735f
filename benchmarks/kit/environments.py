"""Environments of what Assay is compared with, in ``.cache/benchmarks``."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.kit.figures import progress
from benchmarks.kit.processes import ROOT

_WHERE = ROOT / ".cache" / "benchmarks"


def python_of(name: str, packages: Sequence[str]) -> str:
    """The interpreter of an environment with these packages, made where it is missing or of others."""
    where = _WHERE / name
    python, mark = where / "bin" / "python", where / "installed"
    wanted = "\n".join(packages)
    if not mark.exists() or mark.read_text() != wanted:
        progress(f"making the environment of {name}")
        shutil.rmtree(where, ignore_errors=True)
        _make(where, python, packages)
        mark.write_text(wanted)
    return str(python)


def _make(where: Path, python: Path, packages: Sequence[str]) -> None:
    if shutil.which("uv"):
        subprocess.run(["uv", "venv", "-q", "--python", sys.executable, str(where)], check=True)
        subprocess.run(["uv", "pip", "install", "-q", "--python", str(python), *packages], check=True)
    else:
        subprocess.run([sys.executable, "-m", "venv", str(where)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *packages], check=True)
