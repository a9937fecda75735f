"""`make demo`'s command: real files, everything checked, nothing left."""

import os
import signal
import subprocess
import tempfile
from pathlib import Path

import psutil
import pytest

from orchestrator.cli import exhibits
from tests.acceptance.conftest import Assay
from tests.acceptance.processes import assert_gone, family
from tests.integration.backends import eventually
from tests.running import ASSAY, PATIENCE

pytestmark = pytest.mark.timeout(900)


def test_demo(bare: Assay, tmp_path: Path) -> None:
    """At least six files, a table for each, EICAR found, and a good exit status."""
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    shown = bare("demo", TMPDIR=str(scratch))
    assert "all succeeded" in shown.stdout
    tables = [line for line in shown.stdout.splitlines() if "  job " in line]
    assert len(tables) >= 6
    assert "EICAR" in shown.stdout
    assert "executing" in shown.stderr
    assert list(scratch.glob("assay-demo-*")) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_interrupted(tmp_path: Path, number: signal.Signals) -> None:
    """However the demo ends, no process is left."""
    env = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path), "TMPDIR": tempfile.gettempdir()}
    with (tmp_path / "output").open("wb") as output:
        process = subprocess.Popen(
            [ASSAY, "demo"],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    eventually(lambda: (process.poll() is not None) or _has(process.pid, "valkey"), "the broker starts")
    processes = family(process.pid)
    process.send_signal(number)
    process.wait(PATIENCE)
    assert_gone(processes)


def _has(pid: int, name: str) -> bool:
    try:
        return any(name in each.name() for each in family(pid))
    except psutil.NoSuchProcess:
        return False


def test_exhibits_differ(tmp_path: Path) -> None:
    """The files are of different types, and the EICAR string is whole only when it is run."""
    shown = exhibits.gather(tmp_path / "files")
    assert len({each.path.suffix or each.path.name for each in shown}) >= 6
    [eicar] = [each.path for each in shown if each.detection]
    assert eicar.stat().st_size == 68
