"""The documentation keeps its promises: examples run, pictures and tables show what is, no link is dead."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from orchestrator.cli.app import app
from orchestrator.settings import Settings
from scripts import settings_reference, state_machine
from tests.acceptance.documents import DOCS, commands, examples, run_page
from tests.running import ASSAY, Stack

pytestmark = pytest.mark.timeout(600)

#: Pages whose examples are run here; those of other pages have tests of their own.
PAGES = ("api.md", "index.md", "migrating.md")
#: Something that the examples of each page must have printed.
PRINTED = {
    "api.md": ("filetype success", "score ", '"responseCode":200'),
    "index.md": ("note.ps1", "sandbox", "filetype"),
    "migrating.md": ("one.sh",),
}


@pytest.mark.parametrize("name", PAGES)
def test_examples_run(stack: Stack, tmp_path: Path, name: str) -> None:
    """From top to bottom, in a new folder, as somebody who copies them."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("ASSAY_")}
    env |= {
        "ASSAY_DATA_DIR": str(stack.data),
        "ASSAY_URL": stack.url,
        "ASSAY_API_KEY": stack.key("ADMINISTRATOR-ROLE"),
        "PATH": f"{ASSAY.parent}{os.pathsep}{env['PATH']}",
        "NO_PROXY": "*",
    }
    printed = run_page(DOCS / name, tmp_path, env)
    for text in PRINTED[name]:
        assert text in printed, printed


@pytest.mark.parametrize("name", PAGES)
def test_every_example_is_run_or_says_why_not(name: str) -> None:
    found = examples(DOCS / name)
    assert [each for each in found if not each.reason]
    assert all(len(each.reason) > 10 for each in found if each.reason)


EVERY_PAGE = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))


@pytest.mark.parametrize("name", EVERY_PAGE)
def test_commands_of_every_page_exist(name: str) -> None:
    """Also where a placeholder keeps an example from being run; and its Python is Python."""
    for example in examples(DOCS / name):
        if example.language == "python":
            compile(example.text, name, "exec")
            continue
        for line in commands(example):
            for words in re.findall(r"(?:^|[\s(])assay((?: [a-z][a-z-]*)+)", line):
                assert _exists(words.split()), line


def _exists(words: list[str]) -> bool:
    """Whether these words begin with a command; what follows it are its arguments."""
    command: Any = typer.main.get_command(app)
    for word in words:
        if not hasattr(command, "get_command"):
            return True
        found = command.get_command(None, word)
        if found is None:
            return bool(command.invoke_without_command)
        command = found
    return True


def test_a_command_that_does_not_exist_is_noticed() -> None:
    """Else the test above would say nothing."""
    assert not _exists(["teleport"])
    assert not _exists(["job", "teleport"])
    assert _exists(["job", "show"])
    assert _exists(["submit", "note"])


def test_the_state_machine_is_the_one_in_the_code() -> None:
    """`python -m scripts.state_machine > docs/images/state-machine.svg` draws it anew."""
    assert (DOCS / "images" / "state-machine.svg").read_text() == state_machine.draw()


def test_every_setting_is_in_the_reference() -> None:
    """With its default and what it means."""
    rows = [line.split(" | ") for line in settings_reference.write().splitlines()[2:]]
    assert [row[0] for row in rows] == [f"| `ASSAY_{name.upper()}`" for name in Settings.model_fields]
    assert all(len(row) >= 3 and row[1].strip() and len(row[2]) > 5 for row in rows)


def test_pictures_are_small_and_used() -> None:
    """All of them together are less than a megabyte and a half."""
    pictures = sorted((DOCS / "images").iterdir())
    assert sum(each.stat().st_size for each in pictures) < 1_500_000
    text = "".join(each.read_text() for each in sorted(DOCS.rglob("*.md")))
    assert [each.name for each in pictures if f"images/{each.name}" not in text] == []


def test_the_site_builds_without_a_warning_and_asks_no_other_host(tmp_path: Path) -> None:
    """`make docs`: dead links and missing pages are errors."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    env = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(command, cwd=DOCS.parent, env=env, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    home = (tmp_path / "index.html").read_text()
    assert "fonts.googleapis" not in home
    assert 'src="https://' not in home
    assert 'rel="stylesheet" href="https://' not in home
    assert "ASSAY_DATABASE_URL" in (tmp_path / "configuration" / "index.html").read_text()
