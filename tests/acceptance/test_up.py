"""`assay up`: however it ends nothing is left, and it starts again on the same folder."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from orchestrator.cli import runtime
from tests.acceptance.conftest import Assay
from tests.acceptance.processes import assert_gone, family
from tests.integration.backends import eventually
from tests.running import PATIENCE, Stack

pytestmark = pytest.mark.timeout(900)

#: One worker process is enough here, and quicker to start.
SMALL = {"ASSAY_WORKER_PROCESSES": "1"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of every ending in turn: whatever the last one left must not stop the next start."""
    return tmp_path_factory.mktemp("endings") / "data"


@contextmanager
def started(folder: Path) -> Iterator[Stack]:
    """A stack that the test itself brings to an end."""
    stack = Stack(folder, SMALL).start()
    try:
        yield stack
    finally:
        stack.stop(check=False)


def children(stack: Stack) -> dict[str, int]:
    running = runtime.find(stack.data)
    assert running is not None
    return dict(running.children)


def end(stack: Stack, pid: int, number: signal.Signals) -> tuple[int, list[psutil.Process]]:
    """Send a signal; the exit status of `assay up`, and what had belonged to it."""
    processes = family(stack.pid)
    process = stack._process
    assert process is not None
    os.kill(pid, number)
    process.wait(PATIENCE)
    return process.returncode, processes


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_asked_to_end(folder: Path, number: signal.Signals) -> None:
    """Ctrl-C and SIGTERM stop everything; the exit status is 0."""
    with started(folder) as stack:
        status, processes = end(stack, stack.pid, number)
        assert status == 0, stack.tail()
        assert_gone(processes)
    assert not runtime.record_of(folder).exists()


def test_killed(folder: Path) -> None:
    """kill -9 of the supervisor: the kernel ends the rest, sandboxes included."""
    with started(folder) as stack:
        eventually(lambda: len(family(stack.pid)) > 5, "a sandbox beside broker, API, sweep and worker")
        status, processes = end(stack, stack.pid, signal.SIGKILL)
        assert status == -signal.SIGKILL
        assert_gone(processes)


@pytest.mark.parametrize("name", ["api", "valkey", "sweep"])
def test_child_crashes(folder: Path, name: str) -> None:
    """The crash of a part that the others need stops everything, and the message names it."""
    with started(folder) as stack:
        status, processes = end(stack, children(stack)[name], signal.SIGKILL)
        assert status == 1
        assert_gone(processes)
        eventually(lambda: "everything was stopped" in stack.tail(), "the message")
        assert f"{name} was ended by SIGKILL" in stack.tail()


def test_worker_crashes(folder: Path, assay_on: "AssayOn") -> None:
    """A worker process that dies is started again, and work goes on."""
    with Stack(folder, SMALL) as stack:
        for name, pid in children(stack).items():
            if name.startswith("worker"):
                os.kill(pid, signal.SIGKILL)
        sample = folder.parent / "sample.txt"
        sample.write_text("after the crash")
        [run] = assay_on(stack).json("submit", sample, "--wait")
        assert run["ok"], run


def test_work_survives(folder: Path, assay_on: "AssayOn") -> None:
    """Jobs are there after a restart; the first key is shown once, and stays good."""
    with Stack(folder, SMALL) as stack:
        sample = folder.parent / "kept.txt"
        sample.write_text("kept")
        [run] = assay_on(stack).json("submit", sample, "--wait")
        key = stack.key("SAMPLEDB-VIEWER")
    with Stack(folder, SMALL) as stack:
        assert stack.admin_key == ""
        answer = httpx.get(f"{stack.url}/sampledb/v2/job/{run['job']}", headers={"Argus-API-Key": key})
        assert answer.json()["data"]["state"] == "done"


def test_second_start_is_refused(stack: Stack, bare: Assay) -> None:
    """Two stacks on one folder would spoil it: the second is refused with one line."""
    refused = bare("up", "--data", stack.data, "--port", "0", status=1)
    assert "already runs on" in refused.stderr
    assert str(stack.pid) in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert httpx.get(f"{stack.url}/health").is_success


def test_long_folder(tmp_path: Path) -> None:
    """A data folder whose path is too long for a unix socket works."""
    with Stack(tmp_path / ("x" * 120), SMALL) as stack:
        assert httpx.get(f"{stack.url}/ready").is_success


def test_port_in_use(stack: Stack, bare: Assay, tmp_path: Path) -> None:
    """An address that is taken stops the start with one line that says what to change."""
    port = stack.url.rpartition(":")[2]
    refused = bare("up", "--data", tmp_path / "other", "--port", port, status=2)
    assert "--port" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_private(stack: Stack) -> None:
    """Nobody else reads the data folder or the local key."""
    for path in (stack.data / "run", runtime.record_of(stack.data), stack.data / "run" / "valkey.sock"):
        assert path.stat().st_mode & 0o077 == 0, path


class AssayOn:
    """Makes the command line for a stack that a test started itself."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, stack: Stack) -> Assay:
        return Assay({"ASSAY_DATA_DIR": str(stack.data), "XDG_RUNTIME_DIR": str(self.folder)})


@pytest.fixture
def assay_on(tmp_path: Path) -> AssayOn:
    return AssayOn(tmp_path)
