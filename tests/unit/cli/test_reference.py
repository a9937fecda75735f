"""The reference of commands and the table of exit statuses say what the command line does."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from orchestrator.cli.app import _COMMANDS
from orchestrator.cli.failure import Status
from scripts import command_reference
from tests.running import ASSAY

PAGE = Path(__file__).parents[3] / "docs" / "command-line.md"


def test_every_command_is_described_with_its_options() -> None:
    text = command_reference.write()
    found = re.findall(r"^#+ assay (.+)$", text, re.MULTILINE)
    assert [each for each in found if " " not in each] == [each for each in _COMMANDS if each in found]
    assert set(_COMMANDS) - set(found) <= {"worker-process"}
    assert {"job watch", "setaside replay", "webhook add", "worker on"} <= set(found)
    assert "| `--state`" in text
    # every command says what it does
    assert not re.search(r"^#+ assay [^\n]+\n\n\s*(#|```|\|)", text, re.MULTILINE)


def test_every_exit_status_is_in_the_page() -> None:
    listed = re.findall(r"^\| (\d+) \|", PAGE.read_text(), re.MULTILINE)
    assert [int(each) for each in listed] == [*sorted(Status), 130]


@pytest.mark.parametrize(("typed", "offered"), [("assay ex", "export"), ("assay webhook pi", "ping")])
def test_completion_offers_commands(typed: str, offered: str) -> None:
    env = {**os.environ, "_ASSAY_COMPLETE": "complete_bash", "COMP_WORDS": typed}
    env["COMP_CWORD"] = str(typed.count(" "))
    done = subprocess.run([ASSAY], env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.split() == [offered], done.stderr
