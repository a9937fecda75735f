"""Running a command-line tool over a sample: no shell, bounded time and output, no files of the user's."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple


class Output(NamedTuple):
    """The exit status, and what the tool wrote, cut at the limit."""

    status: int
    text: str


def require(tool: str) -> str:
    """The tool's path. Without it the worker cannot be offered, which an ImportError says."""
    path = shutil.which(tool)
    if path is None:
        raise ImportError(f"{tool} is not installed")
    return path


def run(command: list[str], scratch: Path, *, seconds: float, limit: int = 4 << 20) -> Output:
    """Run to the end; :class:`TimeoutError` where that takes too long."""
    with tempfile.TemporaryFile(dir=scratch) as output:
        try:
            done = subprocess.run(  # noqa: S603 - no shell, and the sample's path is ours
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"{Path(command[0]).name} is still running after {seconds:.0f} s") from None
        output.seek(0)
        return Output(done.returncode, output.read(limit).decode("utf-8", "replace"))
