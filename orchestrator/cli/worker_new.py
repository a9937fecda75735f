"""``assay worker new``: a package of one's own with a worker that works at once."""

from __future__ import annotations

import keyword
import re
from pathlib import Path
from string import Template
from typing import Annotated

import typer

from orchestrator.cli import output
from orchestrator.cli.failure import Failure, Status
from orchestrator.worker import ENTRY_POINT_GROUP

#: What a worker may be called: its queue, its module and its entry point are named after it.
_NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_LONGEST = 64

_FILES = {
    "pyproject.toml": """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "$distribution"
version = "0.1.0"
description = "An analysis worker for Assay"
requires-python = ">=3.11"
# what the worker imports; Assay itself is there, where the package gets installed
dependencies = []

[project.entry-points."$group"]
$name = "$module:$function"

[tool.hatch.build.targets.wheel]
only-include = ["$module.py"]

[tool.pytest.ini_options]
pythonpath = ["."]
testpaths = ["tests"]
""",
    "$module.py": '''\
"""$title: how many bytes and lines a sample has."""

from pydantic import BaseModel

from orchestrator.worker import Findings, NothingForMe, Sample, analysis_worker


class $model(BaseModel):
    """The result; its JSON schema is registered with the worker."""

    bytes: int
    lines: int


@analysis_worker("$name", version="0.1.0", result=$model)
def $function(sample: Sample) -> Findings:
    """How many bytes and lines a sample has. Gives no score."""
    if not sample.size:
        raise NothingForMe("the sample is empty")
    return Findings(result=$model(bytes=sample.size, lines=sample.data.count(b"\\n")))
''',
    "tests/test_$module.py": '''\
import $module
import pytest

from orchestrator.sandbox import Ending
from orchestrator.testing import run, run_sandboxed
from orchestrator.worker import NothingForMe


def test_counts() -> None:
    """Bytes and lines are counted."""
    result = run($module.$function, b"one\\ntwo\\n").result
    assert (result.bytes, result.lines) == (8, 2)


def test_empty() -> None:
    """An empty sample is of no interest."""
    with pytest.raises(NothingForMe):
        run($module.$function, b"")


def test_in_the_sandbox() -> None:
    """The worker runs where it has no network, no environment and no other files."""
    outcome = run_sandboxed("$module:$function", b"one\\n")
    assert outcome.ending is Ending.finished, outcome.message
    assert outcome.findings.result == {"bytes": 4, "lines": 1}
''',
    "README.md": """\
# $distribution

The analysis worker `$name` for Assay. Install it where Assay is installed, then start the workers again:

    pip install --no-deps --editable .
    pytest
    assay worker run $name FILE
""",
}


def new(
    name: Annotated[str, typer.Argument(help="The worker's name: a-z, 0-9 and single hyphens.")],
    path: Annotated[
        Path | None, typer.Option(help="The package's folder, which must not be there yet.")
    ] = None,
) -> None:
    """Write a package of your own with a worker that works at once: module, test, entry point."""
    module = name.replace("-", "_")
    if not _NAME.fullmatch(name) or len(name) > _LONGEST or keyword.iskeyword(module):
        raise Failure(f"{name!r} cannot be a worker's name: use a-z, 0-9 and single hyphens", Status.usage)
    folder = path or Path(f"assay-{name}")
    names = {
        "name": name,
        "group": ENTRY_POINT_GROUP,
        "distribution": f"assay-{name}",
        "module": f"assay_{module}",
        "function": module,
        "model": "".join(part.capitalize() for part in name.split("-")) + "Result",
        "title": name.replace("-", " ").capitalize(),
    }
    try:
        folder.mkdir(parents=True)
        for file, content in _FILES.items():
            target = folder / Template(file).substitute(names)
            target.parent.mkdir(exist_ok=True)
            target.write_text(Template(content).substitute(names))
    except OSError as error:
        raise Failure(f"{folder}: {error.strerror}", Status.usage) from None
    output.line(f"wrote {folder}; next: pip install --no-deps --editable {folder}")
    output.line(f"then: assay worker run {name} FILE")
