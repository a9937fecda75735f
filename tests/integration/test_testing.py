"""The helper with which authors of workers test them."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.sandbox import Ending
from orchestrator.testing import make_sample, run, run_sandboxed
from orchestrator.worker import Evidence, Findings, NothingForMe, Sample, analysis_worker


@analysis_worker("about", version="1.0")
def about(sample: Sample) -> Findings:
    """What the worker was told, and a file."""
    if not sample.size:
        raise NothingForMe("empty")
    path = sample.scratch / "told.txt"
    path.write_bytes(sample.data)
    told = {"name": sample.file_name, "type": sample.type, "options": dict(sample.options), "md5": sample.md5}
    return Findings(result=told, evidence=[Evidence(path, "told.txt")])


@analysis_worker("outside", version="1.0")
def outside(sample: Sample) -> Findings:
    """Hands out a file that is not its own."""
    return Findings(evidence=[Evidence(Path("/etc/passwd"), "passwd")])


@analysis_worker("unsayable", version="1.0")
def unsayable(sample: Sample) -> Findings:
    """A result that JSON does not know."""
    return Findings(result={"bytes": sample.data})


def test_findings_and_files() -> None:
    """Options, type and name reach the worker; its files can be read afterwards."""
    found = run(about, b"abc", file_name="a.txt", type="text", options={"deep": "yes"})
    assert found.result == {
        "name": "a.txt",
        "type": "text",
        "options": {"deep": "yes"},
        "md5": "900150983cd24fb0d6963f7d28e17f72",
    }
    assert found.evidence[0].path.read_bytes() == b"abc"


def test_a_file(tmp_path: Path) -> None:
    """A path is taken as the sample, under its own name."""
    path = tmp_path / "real.bin"
    path.write_bytes(b"abc")
    scratch = tmp_path / "scratch"
    assert run(about, path, scratch=scratch).result["name"] == "real.bin"
    assert (scratch / "told.txt").is_file()


def test_what_the_worker_raises() -> None:
    """ "Nothing for me" is an exception, and so is what would not be stored."""
    with pytest.raises(NothingForMe, match="empty"):
        run(about, b"")
    with pytest.raises(ValueError, match="scratch folder"):
        run(outside, b"abc")
    with pytest.raises(TypeError, match="JSON serializable"):
        run(unsayable, b"abc")


def test_samples_have_their_own_scratch() -> None:
    first, second = make_sample(b"a"), make_sample(b"a")
    assert first.scratch != second.scratch
    assert first.sha256 == second.sha256


def test_sandboxed() -> None:
    """An installed worker runs as in production; how it ends is told, not raised."""
    outcome = run_sandboxed("hashes", b"abc")
    assert outcome.ending is Ending.finished, outcome.message
    assert outcome.findings is not None
    assert outcome.findings.result["md5"] == "900150983cd24fb0d6963f7d28e17f72"
    assert run_sandboxed("nobody", b"abc").ending is Ending.failed
