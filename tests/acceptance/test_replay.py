"""`assay worker replay` and `assay job rerun`: recorded work, done again."""

from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import Assay

pytestmark = pytest.mark.timeout(600)


def submitted(assay: Assay, path: Path, *options: str) -> dict[str, Any]:
    """A submitted file, analysed by the hashes worker alone, and by those that the options name."""
    path.write_text(f"a text for {path}\n")
    [run] = assay.json("submit", path, "--wait", "--worker", "hashes", *options)
    assert run["ok"], run
    return dict(run)


def test_replay_comes_to_the_same(assay: Assay, tmp_path: Path) -> None:
    """The sample and its options come over the API; the sandbox here finds what was recorded."""
    [job_task] = submitted(assay, tmp_path / "sample.txt")["tasks"]
    replayed = assay.json("worker", "replay", job_task["id"])
    assert replayed["recorded"]["task"]["id"] == job_task["id"]
    assert replayed["here"]["ending"] == "finished"
    assert replayed["differences"] == []
    assert "the same as recorded" in assay("worker", "replay", job_task["id"]).stdout


def test_debugger_only_on_purpose(assay: Assay, tmp_path: Path) -> None:
    """`--debug` is refused until one says that it is outside the sandbox; then it is Python's debugger."""
    [job_task] = submitted(assay, tmp_path / "sample.txt")["tasks"]
    refused = assay("worker", "replay", job_task["id"], "--debug", status=2)
    assert "--outside-sandbox" in refused.stderr
    command = ("worker", "replay", job_task["id"], "--debug", "--outside-sandbox")
    debugged = assay(*command, stdin=b"p sample.sha256\nc\n")
    assert "(Pdb)" in debugged.stdout
    assert "the same as recorded" in debugged.stdout
    assert "outside the sandbox" in debugged.stderr
    left = assay(*command, stdin=b"q\n", status=1)
    assert "debugger was left" in left.stderr


def test_replay_of_nothing(assay: Assay) -> None:
    unknown = assay("worker", "replay", "018f0000-0000-7000-8000-000000000000", status=5)
    assert len(unknown.stderr.splitlines()) == 1


def test_rerun_narrower_and_wider(assay: Assay, tmp_path: Path) -> None:
    """A job's workers and others, without some, or others alone; never none."""
    job = submitted(assay, tmp_path / "sample.txt", "--worker", "strings")["job"]

    def workers(*options: str) -> list[str]:
        run = assay.json("job", "rerun", job, "--wait", *options)
        assert run["job"] != job
        return [each["worker"] for each in run["tasks"]]

    assert workers("--without", "strings") == ["hashes"]
    assert workers("--also", "filetype") == ["filetype", "hashes", "strings"]
    assert workers("--worker", "filetype") == ["filetype"]
    assert {"hashes", "filetype", "strings", "yara"} <= set(workers())
    assert (
        "no worker is left" in assay("job", "rerun", job, "--worker", "a", "--without", "a", status=2).stderr
    )
    assert "does not exist" in assay("job", "rerun", job, "--worker", "nope", status=1).stderr
