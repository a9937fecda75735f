"""The examples of a page of the documentation, and who runs them."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"

_BLOCK = re.compile(
    r"^(?:<!-- not run: (?P<reason>.+) -->\n)?```(?P<language>console|python|sh)\b[^\n]*\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Example:
    """A block of code that a reader may copy."""

    language: str
    text: str
    #: Why it is not run; empty: it is.
    reason: str


def examples(page: Path) -> list[Example]:
    """Every console and python block of a page, in order."""
    return [
        Example(match["language"], match["text"], match["reason"] or "")
        for match in _BLOCK.finditer(page.read_text())
    ]


def commands(example: Example) -> Iterator[str]:
    """The command lines of a console block, without their prompts and without what they print."""
    for line in example.text.splitlines():
        if line.startswith("$ "):
            yield line.removeprefix("$ ")


def run_page(page: Path, folder: Path, env: Mapping[str, str]) -> str:
    """Run a page's examples from top to bottom as a reader would, and return what they printed.

    All console blocks are lines of one shell, all python blocks parts of one program; both stop at the
    first line that fails.
    """
    wanted = [each for each in examples(page) if not each.reason]
    shell = [line for each in wanted if each.language == "console" for line in commands(each)]
    program = [each.text for each in wanted if each.language == "python"]
    printed = ""
    if program:
        (folder / "program.py").write_text("\n".join(program))
        printed += _run([sys.executable, "program.py"], folder, env)
    if shell:
        script = "\n".join(["set -eu -o pipefail", *shell])
        printed += _run(["bash", "-c", script], folder, env)
    return printed


def _run(command: list[str], folder: Path, env: Mapping[str, str]) -> str:
    done = subprocess.run(
        command, cwd=folder, env=dict(env), capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, f"{command[-1]}\n{done.stdout}\n{done.stderr}"
    return done.stdout
