"""A worker in a virtual environment of its own, served by a worker process of that environment."""

import json
import os
import subprocess
import sys
import sysconfig
import time
import venv
from pathlib import Path

import pytest

from tests.acceptance.conftest import Assay
from tests.running import PATIENCE, running_stack

pytestmark = pytest.mark.timeout(600)

MODULE = """\
import sys

import only_there

from orchestrator.worker import Findings, analysis_worker


@analysis_worker("picky", version="3.0")
def picky(sample):
    \"\"\"Where it runs.\"\"\"
    return Findings(result={"prefix": sys.prefix, "library": only_there.VERSION})
"""


def environment(folder: Path) -> Path:
    """A virtual environment that has Assay, the worker, and a library that nobody else has; its Python."""
    venv.create(folder, with_pip=False, symlinks=True)
    [site] = (folder / "lib").glob("python*/site-packages")
    # instead of installing Assay once more, which would need a network
    (site / "assay.pth").write_text(
        "\n".join([sysconfig.get_path("purelib"), str(Path(__file__).parents[2])]) + "\n"
    )
    (site / "only_there.py").write_text("VERSION = 'conflicting'\n")
    (site / "picky.py").write_text(MODULE)
    metadata = site / "picky-3.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: picky\nVersion: 3.0\n")
    (metadata / "entry_points.txt").write_text("[assay.workers]\npicky = picky:picky\n")
    return folder / "bin" / "python"


def test_a_worker_process_of_another_environment(tmp_path: Path) -> None:
    """`assay worker --only` there registers the worker; its job task runs there, others beside the API."""
    python = environment(tmp_path / "environment")
    with running_stack(tmp_path / "data", {"ASSAY_WORKER_PROCESSES": "1"}) as stack:
        run = str(tmp_path / "run")
        here = {"ASSAY_DATA_DIR": str(stack.data), "XDG_RUNTIME_DIR": run}
        Path(run).mkdir()
        assay = Assay(here)
        broker = json.loads((stack.data / "run" / "up.json").read_text())["broker"]
        env = {**os.environ, **here, "ASSAY_BROKER_URL": broker}
        command = [str(python), "-m", "orchestrator", "worker", "--only", "picky"]
        process = subprocess.Popen(command, env=env, cwd=tmp_path)
        try:
            deadline = time.monotonic() + PATIENCE
            while not [row for row in assay.json("worker", "list") if row["shortName"] == "picky"]:
                assert process.poll() is None
                assert time.monotonic() < deadline
            sample = tmp_path / "sample.txt"
            sample.write_text("a text\n")
            [done] = assay.json("submit", sample, "--wait", "--worker", "picky", "--worker", "hashes")
            assert [each["state"] for each in done["tasks"]] == ["success", "success"], done
            shown = assay.json("sample", "show", done["sha256"])
            [found] = [each for each in shown["analyses"] if each["userAgent"]["name"] == "picky"]
            assert found["analysisResult"] == {
                "prefix": str(tmp_path / "environment"),
                "library": "conflicting",
            }
            assert sys.prefix != found["analysisResult"]["prefix"]
        finally:
            process.terminate()
            process.wait(PATIENCE)
