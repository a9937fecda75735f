"""Running a command-line tool over a sample: no shell, bounded time and output, no files of the user's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

_FOLDERS = ("/usr/local/bin", "/usr/bin", "/bin")


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


def installed_beside(tool: str) -> tuple[str, str]:
    """The path of a tool that is a Python package's, and the environment that it lies in.

    Looked for beside this Python first, then in ``/usr/local/bin`` and the system's folders, where it may be
    a link into an environment of its own. Without it the worker cannot be offered, which an ImportError says.
    """
    folders = [str(Path(sys.executable).parent), *_FOLDERS]  # not PATH: the sandbox has none
    path = shutil.which(tool, path=os.pathsep.join(folders))
    if path is None:
        raise ImportError(f"{tool} is not installed")
    return path, str(Path(path).resolve().parent.parent)


def private(folder: Path) -> dict[str, str]:
    """An environment for Python programs that ask who and where they are: the sandbox's user has no name."""
    return {"HOME": str(folder), "LOGNAME": "assay", "PATH": os.pathsep.join(_FOLDERS)}


def run(
    command: list[str],
    scratch: Path,
    *,
    seconds: float,
    limit: int = 4 << 20,
    environment: dict[str, str] | None = None,
) -> Output:
    """Run to the end, in this environment or ours; :class:`TimeoutError` where that takes too long."""
    with tempfile.TemporaryFile(dir=scratch) as output:
        try:
            done = subprocess.run(  # noqa: S603 - no shell, and the sample's path is ours
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=seconds,
                env=environment,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"{Path(command[0]).name} is still running after {seconds:.0f} s") from None
        output.seek(0)
        return Output(done.returncode, output.read(limit).decode("utf-8", "replace"))
