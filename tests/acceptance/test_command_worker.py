"""A worker that is a command line, installed as a third party's package would be."""

import venv
from pathlib import Path

import pytest

from tests.acceptance.conftest import Assay

pytestmark = pytest.mark.timeout(600)

MODULE = """\
from orchestrator.command_worker import command_worker

conflicting = command_worker(
    "conflicting", "1.0", [{python!r}, "-m", "only_there", "{{sample}}"], readable=[{folder!r}]
)
"""

TOOL = """\
import json, sys
print(json.dumps({"size": len(open(sys.argv[1], "rb").read()), "prefix": sys.prefix}))
"""


def test_a_virtual_environment_of_its_own(bare: Assay, tmp_path: Path) -> None:
    """The tool's own environment is seen in the sandbox, where its module alone is found."""
    tool, package, sample = tmp_path / "tool", tmp_path / "package", tmp_path / "sample.bin"
    venv.create(tool, with_pip=False, symlinks=True)
    [site] = (tool / "lib").glob("python*/site-packages")
    (site / "only_there.py").write_text(TOOL)
    metadata = package / "conflicting-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: conflicting\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[assay.workers]\nconflicting = conflicting:conflicting\n")
    python = str(tool / "bin" / "python")
    (package / "conflicting.py").write_text(MODULE.format(python=python, folder=str(tool)))
    sample.write_bytes(b"12345")
    ran = bare.json("worker", "run", "conflicting", sample, PYTHONPATH=str(package))
    assert ran["ending"] == "finished", ran
    assert ran["findings"]["result"] == {"size": 5, "prefix": str(tool)}
