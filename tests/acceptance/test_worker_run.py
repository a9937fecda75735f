"""`assay worker run`: one worker on a file, with no stack at all."""

import zipfile
from pathlib import Path

import pytest

from tests.acceptance.conftest import Assay

pytestmark = pytest.mark.timeout(600)


def test_run(bare: Assay, tmp_path: Path) -> None:
    """The findings, and at which level the sandbox confined the run."""
    sample = tmp_path / "sample.txt"
    sample.write_text("abc")
    ran = bare.json("worker", "run", "hashes", sample)
    assert ran["ending"] == "finished"
    assert ran["level"] in {"bwrap", "namespaces", "landlock", "rlimits"}
    assert ran["findings"]["result"]["md5"] == "900150983cd24fb0d6963f7d28e17f72"
    assert "900150983cd24fb0d6963f7d28e17f72" in bare("worker", "run", "hashes", sample).stdout


def test_failure(bare: Assay, tmp_path: Path) -> None:
    """A worker that fails says why; the exit status tells."""
    sample = tmp_path / "sample.exe"
    sample.write_bytes(b"MZ" + bytes(100))
    ran = bare.json("worker", "run", "pe", sample, status=1)
    assert ran["ending"] == "failed"
    assert ran["message"]
    assert ran["findings"] is None


def test_children_are_kept(bare: Assay, tmp_path: Path) -> None:
    """`--keep` names a folder for what was extracted."""
    sample = tmp_path / "sample.zip"
    with zipfile.ZipFile(sample, "w") as archive:
        archive.writestr("inside.txt", "from inside")
    kept = tmp_path / "kept"
    command = ("worker", "run", "archive", sample, "--type", "zip", "--super-type", "archive", "--keep", kept)
    [child] = bare.json(*command)["findings"]["children"]
    assert child["name"] == "inside.txt"
    assert Path(child["path"]).read_text() == "from inside"
    assert kept in Path(child["path"]).parents


def test_unknown(bare: Assay, tmp_path: Path) -> None:
    sample = tmp_path / "sample.txt"
    sample.touch()
    refused = bare("worker", "run", "nope", sample, status=5)
    assert "assay doctor" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
