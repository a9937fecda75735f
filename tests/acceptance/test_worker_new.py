"""A worker in a package outside this repository, as its author meets it."""

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.acceptance.conftest import Assay
from tests.running import PATIENCE, running_stack

pytestmark = pytest.mark.timeout(600)

NAME = "line-count"


@dataclass(frozen=True)
class Package:
    """Where the package was written, and where it was installed."""

    folder: Path
    installed: Path

    @property
    def env(self) -> dict[str, str]:
        return {"PYTHONPATH": str(self.installed)}


def install(folder: Path, target: Path) -> None:
    """Install the package as pip does, and nothing else; the shared environment stays as it is."""
    if importlib.util.find_spec("pip"):
        command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check"]
    else:
        uv = shutil.which("uv")
        assert uv, "neither pip nor uv is here"
        command = [uv, "pip", "install", "--python", sys.executable]
    command += ["--quiet", "--no-deps", "--target", str(target), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    folder = tmp_path_factory.mktemp("author")
    made = Package(folder / "package", folder / "installed")
    Assay()("worker", "new", NAME, "--path", made.folder)
    install(made.folder, made.installed)
    return made


@pytest.fixture(scope="module")
def running(package: Package, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Assay]:
    """The command line on a machine whose running Assay has the package."""
    data = tmp_path_factory.mktemp("third-party")
    with running_stack(data, {**package.env, "ASSAY_WORKER_PROCESSES": "1"}) as stack:
        yield Assay({"ASSAY_URL": stack.url, "ASSAY_API_KEY": stack.admin_key})


def test_own_tests_pass(package: Package) -> None:
    """The tests that come with the package pass, the one in the sandbox among them."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error"],
        cwd=package.folder,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=PATIENCE * 2,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout


def test_runs_with_no_stack(bare: Assay, package: Package, tmp_path: Path) -> None:
    """`assay worker run` finds it by its entry point, on both sides of the sandbox."""
    sample = tmp_path / "sample.txt"
    sample.write_text("one\ntwo\n")
    ran = bare.json("worker", "run", NAME, sample, **package.env)
    assert ran["ending"] == "finished", ran
    assert ran["findings"]["result"] == {"bytes": 8, "lines": 2}


def test_listed_and_works_in_a_running_assay(running: Assay, tmp_path: Path) -> None:
    """It is registered with its version and schema, and a submission gets its job task like any other's."""
    rows = {row["shortName"]: row for row in running.json("worker", "list")}
    assert rows[NAME]["service"]["version"] == "0.1.0"
    sample = tmp_path / "sample.txt"
    sample.write_text("one\ntwo\nthree\n")
    [run] = running.json("submit", sample, "--wait")
    [job_task] = [each for each in run["tasks"] if each["worker"] == NAME]
    assert job_task["state"] == "success", job_task
    url, key = running.env["ASSAY_URL"], running.env["ASSAY_API_KEY"]
    answer = httpx.get(
        f"{url}/sampledb/v2/sample/{run['sha256']}/analysis/{job_task['analyses'][0]}",
        headers={"Argus-API-Key": key},
    )
    assert answer.json()["data"]["analysisResult"] == {"bytes": 14, "lines": 3}
