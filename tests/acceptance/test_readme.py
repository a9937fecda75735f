"""The README keeps its promises: short, two commands on the first screen, and every command exists."""

import re
from pathlib import Path

import pytest

from tests.acceptance.conftest import Assay

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
SCREEN = 40

pytestmark = pytest.mark.timeout(600)


def commands() -> set[str]:
    """The `assay …` command lines in blocks of code, without their arguments."""
    found = set()
    for block in re.findall(r"^```(?:console|sh)\n(.*?)^```", README, re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            if match := re.match(r"(?:\$ )?(?:\.venv/bin/)?assay ([a-z]+(?: [a-z]+)?)", line):
                found.add(match[1])
    return found


def test_length() -> None:
    assert len(README.splitlines()) <= 90


@pytest.mark.parametrize("command", ["make demo", "make test"])
def test_first_screen(command: str) -> None:
    assert command in "\n".join(README.splitlines()[:SCREEN])


def test_commands_exist(bare: Assay) -> None:
    """Every command in it answers to --help."""
    assert commands()
    for command in commands():
        bare(*command.split(), "--help")


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", README):
        assert (ROOT / target).exists(), target


def test_worker_in_it_works(bare: Assay, tmp_path: Path) -> None:
    """The worker that it shows runs as it stands."""
    [code] = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    (tmp_path / "mine.py").write_text(code)
    sample = tmp_path / "sample.txt"
    sample.write_text("hello")
    name = re.search(r"^def (\w+)\(", code, re.MULTILINE)
    assert name is not None
    ran = bare.json("worker", "run", f"mine:{name[1]}", sample, PYTHONPATH=str(tmp_path))
    assert ran["ending"] == "finished", ran
