"""`assay sample`: what is known of a sample, and what was found inside it."""

import zipfile
from pathlib import Path

import pytest

from tests.acceptance.conftest import Assay

pytestmark = pytest.mark.timeout(600)


def test_show_and_tree(assay: Assay, tmp_path: Path) -> None:
    """Names, types and verdicts, one line for each sample; hostile names are spelled out."""
    inner, outer = tmp_path / "inner.zip", tmp_path / "outer.zip"
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("deep\x1b[31m.txt", f"deep inside {tmp_path}")
    with zipfile.ZipFile(outer, "w") as archive:
        archive.write(inner, "inner.zip")
    [run] = assay.json("submit", outer, "--wait", "--worker", "filetype", "--worker", "archive")
    root = assay.json("sample", "tree", run["sha256"])
    [child] = root["children"]
    assert (root["fileName"], child["fileName"], child["relation"]) == ("outer.zip", "inner.zip", "child")
    shown = assay("sample", "tree", run["sha256"], "--depth", "1").stdout
    assert "outer.zip" in shown.splitlines()[0]
    assert "inner.zip" in shown.splitlines()[1]
    assert "\x1b" not in shown
    facts = assay("sample", "show", run["sha256"]).stdout
    assert run["sha256"] in facts
    assert "archive / zip" in facts
    assert assay.json("sample", "show", run["sha256"])["size"] == outer.stat().st_size
    assert len(assay("sample", "tree", "0" * 64, status=5).stderr.splitlines()) == 1
