"""Text from samples and servers is shown, and never obeyed."""

import io
import json

import pytest
from rich.console import Console

from orchestrator.cli import output
from orchestrator.cli.doctor import without_password
from orchestrator.cli.failure import Failure
from orchestrator.cli.report import summary
from orchestrator.cli.submit import pairs


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("plain é 日本", "plain é 日本"),
        ("\x1b[2Jgone", "\\x1b[2Jgone"),
        ("two\nlines\tand a tab", "two\\x0alines\\x09and a tab"),
        ("\x9b31mC1", "\\x9b31mC1"),
        ("exe\u202egnp", "exe\\u202egnp"),
        ("line\u2028end", "line\\u2028end"),
        ("\ud800", "\\ud800"),
    ],
)
def test_clean(hostile: str, shown: str) -> None:
    """What steers a terminal or reorders text is spelled out; other text stays."""
    assert output.clean(hostile) == shown


def test_table_takes_no_markup() -> None:
    """A value that looks like rich's markup is printed as it is."""
    console = Console(file=io.StringIO(), width=120)
    console.print(output.table("[red]title[/red]", ("one", "#two"), [("[bold]x[/bold] :smile:", "\x1b[1m")]))
    assert isinstance(console.file, io.StringIO)
    printed = console.file.getvalue()
    assert "[red]title[/red]" in printed
    assert "[bold]x[/bold] :smile:" in printed
    assert "\\x1b[1m" in printed
    assert "\x1b" not in printed


def test_json_is_ascii(capsys: pytest.CaptureFixture[str]) -> None:
    """JSON for programs says the same, in ASCII alone."""
    output.print_json({"name": "\x9b日\u202e"})
    printed = capsys.readouterr().out
    assert printed.isascii()
    assert json.loads(printed) == {"name": "\x9b日\u202e"}


@pytest.mark.parametrize(
    ("start", "end", "shown"),
    [(None, 5, ""), (5, None, ""), (1000, 1250, "250 ms"), (1000, 3500, "2.5 s")],
)
def test_duration(start: int | None, end: int | None, shown: str) -> None:
    assert output.duration(start, end) == shown


@pytest.mark.parametrize(("count", "shown"), [(0, "0 B"), (2048, "2.0 KiB"), (3 * 1024**3, "3.0 GiB")])
def test_size(count: int, shown: str) -> None:
    assert output.size(count) == shown


def test_summary_prefers_detections() -> None:
    """Detections and tags say more than the result's fields."""
    analysis = {
        "triggeredDetections": [{"name": "EICAR"}],
        "tags": [{"type": "yara", "value": "test"}],
        "analysisResult": {"rules": 3},
    }
    assert summary(analysis) == "EICAR, yara:test"
    assert summary({"analysisResult": {"rules": 3, "empty": "", "list": [1]}}) == "rules=3"
    assert summary({"analysisResult": "text"}) == ""


def test_summary_is_brief() -> None:
    assert len(summary({"tags": [{"type": "yara", "value": "x" * 500}]})) == 100


def test_pairs() -> None:
    """Only the first `=` divides."""
    assert pairs(["a=1", "b=x=y", "c="]) == {"a": "1", "b": "x=y", "c": ""}


@pytest.mark.parametrize("text", ["a", "=1", ""])
def test_no_pair(text: str) -> None:
    with pytest.raises(Failure, match="KEY=VALUE"):
        pairs([text])


def test_password_is_hidden() -> None:
    shown = without_password("postgresql://user:secret@host:5432/db")
    assert shown == "postgresql://user:…@host:5432/db"
    assert without_password("sqlite:////data/x") == "sqlite:////data/x"
