"""docs/write-a-worker.md: every example on the page is run."""

from __future__ import annotations

import re
import runpy
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import pytest
import typer

from orchestrator.cli.app import app
from orchestrator.testing import run, run_sandboxed
from orchestrator.worker import AnalysisWorker, Sample

PAGE = (Path(__file__).parents[2] / "docs" / "write-a-worker.md").read_text()
FUNCTION, TESTS, READABLE, COMMANDS = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def executed(code: str, path: Path) -> dict[str, Any]:
    """The names that the code defines as a module."""
    path.write_text(code)
    return runpy.run_path(str(path))


def test_the_function_and_its_tests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests pass as they stand, the one in the sandbox too."""
    (tmp_path / "assay_line_count.py").write_text(FUNCTION)
    tmp_path.chmod(0o755)
    monkeypatch.syspath_prepend(str(tmp_path))
    try:
        tests = executed(TESTS, tmp_path / "test_line_count.py")
        names = [name for name in tests if name.startswith("test_")]
        assert len(names) == 2
        for name in names:
            tests[name]()
        assert isinstance(import_module("assay_line_count").line_count, AnalysisWorker)
    finally:
        sys.modules.pop("assay_line_count", None)


def test_what_it_may_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tool's data is seen in the sandbox because the worker says so; its module is the only one there."""
    words = tmp_path / "data" / "english.txt"
    words.parent.mkdir()
    words.write_text("seven\neight\n")
    code = READABLE.replace("/opt/words/english.txt", str(words))
    english = executed(code, tmp_path / "english.py")["english"]
    assert english.readable == (str(words),)
    assert run(english, b"eight of them").result == {"words": ["eight"]}
    loaded = (
        "\n\n@analysis_worker('loaded', version='1.0')\ndef loaded(sample: Sample) -> Findings:\n"
        "    import sys\n"
        "    return Findings(result={'workers': [each for each in sys.modules if 'workers' in each]})\n"
    )
    (tmp_path / "english_words.py").write_text(code + loaded)
    monkeypatch.syspath_prepend(str(tmp_path))
    try:
        outcome = run_sandboxed("english_words:english", b"eight of them")
        assert outcome.findings, outcome.message
        assert outcome.findings.result == {"words": ["eight"]}
        outcome = run_sandboxed("english_words:loaded", b"x")
        assert outcome.findings, outcome.message
        assert outcome.findings.result == {"workers": []}
    finally:
        sys.modules.pop("english_words", None)


def test_command_lines(tmp_path: Path) -> None:
    made = executed(COMMANDS, tmp_path / "commands.py")
    assert run(made["first_line"], b"one\ntwo\n").result == {"text": "one\n"}
    assert made["other"].readable == ("/opt/other",)


def test_fields_that_it_names(tmp_path: Path) -> None:
    """Each field of a sample, and each argument of the decorator, that the page tells of is there."""
    sample = Sample(tmp_path, "0", 0, tmp_path)
    [names] = re.findall(r"^A `Sample` has (.*?)an empty folder", PAGE, re.MULTILINE | re.DOTALL)
    for name in re.findall(r"`(\w+)`", names):
        assert name == "data" or hasattr(sample, name), name


def _commands() -> list[list[str]]:
    """The command lines of the page, in blocks and in sentences."""
    found = re.findall(r"(?:^    |`)(?:/opt/picky/bin/)?assay ([a-z][^`\n]*)", PAGE, re.MULTILINE)
    return [each.split() for each in found if each]


@pytest.mark.parametrize("words", _commands(), ids=" ".join)
def test_its_commands_exist(words: list[str]) -> None:
    """Each command of the page, with each option that it shows."""
    command: Any = typer.main.get_command(app)
    context = click.Context(command)
    rest = list(words)
    while rest and getattr(command, "get_command", None):
        inner = command.get_command(context, rest[0])
        if inner is None:
            break
        command = inner
        rest.pop(0)
    options = {name for each in command.params for name in each.opts}
    for word in rest:
        assert not word.startswith("--") or word.rstrip(",.:") in options, word
