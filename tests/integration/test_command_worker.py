"""Workers that are command lines, called directly and in the sandbox."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from orchestrator.command_worker import CommandFailed, command_worker
from orchestrator.sandbox import Ending, Sandbox
from orchestrator.testing import make_sample, run
from orchestrator.worker import AnalysisWorker, Findings, Limits, NothingForMe, Sample, TemporaryError

#: Found by the sandbox's child as an attribute of this module, once its folder is on the path.
count = command_worker("count", "1.0", ["sh", "-c", 'wc -c < "$1"', "sh", "{sample}"])
endless = command_worker("endless", "1.0", ["sleep", "1000"], limits=Limits(seconds=1))


def script(text: str, **options: Any) -> AnalysisWorker:
    """A worker that is a program of Python's."""
    return command_worker("script", "1.0", [sys.executable, "-c", text, "{sample}"], **options)


def printing(value: Any, **options: Any) -> AnalysisWorker:
    return script(f"print({json.dumps(value)!r})", **options)


def test_json_and_text() -> None:
    """An object is the result; anything else is kept under the name of its format."""
    assert run(printing({"a": [1]}), b"x").result == {"a": [1]}
    assert run(printing([1, 2]), b"x").result == {"json": [1, 2]}
    worker = script("import sys; print(len(open(sys.argv[1], 'rb').read()))", parse="text")
    assert run(worker, b"abc").result == {"text": "3\n"}


def test_bytes_that_are_no_text() -> None:
    worker = script(r"import sys; sys.stdout.buffer.write(b'\xff\n')", parse="text")
    assert run(worker, b"x").result == {"text": "\N{REPLACEMENT CHARACTER}\n"}


def test_placeholders_are_no_format() -> None:
    """Braces of other kinds, as in JSON or awk, stay what they are; nothing goes through a shell."""
    worker = command_worker("echo", "1.0", ["echo", "{type} {0} {}", "$(id)"], parse="text")
    assert run(worker, b"x", type="a;b").result == {"text": "a;b {0} {} $(id)\n"}


def test_findings() -> None:
    """A program can say everything that a Python worker can, files included."""
    worker = script(
        "import json, pathlib; pathlib.Path('out.txt').write_text('found');"
        "print(json.dumps({'score': 70, 'result': {'a': 1}, 'tags': [{'type': 'family', 'value': 'x'}],"
        "'detections': [{'name': 'X', 'assessment': 'malicious'}], 'facts': [{'key': 'k', 'value': 'v'}],"
        "'children': [{'path': 'out.txt', 'name': 'o'}],"
        "'classification': {'type': 'elf', 'super_type': 'executable'}}))",
        parse="findings",
    )
    found = run(worker, b"x")
    assert (found.score, found.result) == (70, {"a": 1})
    assert found.detections[0].assessment == "malicious"
    assert found.tags[0].value == "x"
    assert found.children[0].path.read_text() == "found"
    assert found.classification
    assert found.classification.super_type == "executable"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "not a JSON object"),
        ({"scores": 1}, "no field 'scores'"),
        ({"result": []}, "result is not"),
        ({"tags": [{"type": "colour", "value": "x"}]}, "findings"),
        ({"children": "x"}, "findings"),
        ({"score": "high"}, "findings"),
    ],
)
def test_findings_that_are_none(value: Any, message: str) -> None:
    with pytest.raises(CommandFailed, match=message):
        run(printing(value, parse="findings"), b"x")


def test_paths_outside() -> None:
    """A program cannot hand out a file that is not its own."""
    worker = printing({"children": [{"path": "/etc/passwd"}]}, parse="findings")
    with pytest.raises(ValueError, match="scratch folder"):
        run(worker, b"x")


def test_interpret() -> None:
    """A function may make findings of what a tool prints."""

    def interpret(value: Any, sample: Sample) -> Findings:
        return Findings(score=50, result={"size": sample.size, "said": value})

    found = run(printing([3], interpret=interpret), b"abc")
    assert (found.score, found.result) == (50, {"size": 3, "said": [3]})
    with pytest.raises(ValueError, match="interpret"):
        printing({}, parse="findings", interpret=interpret)


@pytest.mark.parametrize(
    ("text", "raised", "message"),
    [
        (
            "import sys; print('no header', file=sys.stderr); sys.exit(3)",
            CommandFailed,
            "status 3: no header",
        ),
        ("import sys; sys.exit('no PDF' and 65)", NothingForMe, "^$"),
        ("import sys; sys.exit(75)", TemporaryError, "try again"),
        ("import os; os.kill(os.getpid(), 9)", CommandFailed, "killed by signal 9"),
        ("print('{')", CommandFailed, "not JSON"),
        ("print('[' * 100000)", CommandFailed, "not JSON"),
        ("print('x' * 3_000_000)", CommandFailed, "more than 1 MiB"),
    ],
)
def test_ends(text: str, raised: type[Exception], message: str) -> None:
    """How the program ended decides, and its last words are the message."""
    with pytest.raises(raised, match=message):
        run(script(text, limits=Limits(output_mb=1)), b"x")


def test_other_good_statuses() -> None:
    assert run(script("print('{}'); raise SystemExit(1)", good=(0, 1)), b"x").result == {}


def test_no_such_program() -> None:
    with pytest.raises(CommandFailed, match="nowhere is not installed"):
        run(command_worker("missing", "1.0", ["nowhere", "{sample}"]), b"x")


def test_in_the_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program runs where the worker would: it reads the sample, and the worker's limits hold for it."""
    names = [f"{Path(__file__).stem}:{name}" for name in ("count", "endless")]
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    with Sandbox(preload=names) as sandbox:
        outcome = sandbox.run(names[0], make_sample(b"12345"))
        assert outcome.ending is Ending.finished, outcome.message
        assert outcome.findings
        assert outcome.findings.result == {"json": 5}
        outcome = sandbox.run(names[1], make_sample(b"x"))
        assert outcome.ending is Ending.timeout, outcome.message
