"""The fork server's life: it dies with its parent, and a run survives its death as a crash."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from orchestrator.sandbox import Ending, Level, Sandbox, SandboxUnavailable, detect, examine
from orchestrator.sandbox.detect import shortcoming
from orchestrator.sandbox.processes import descendants
from tests.unit.sandbox.helpers import eventually, left_by, zygote

PARENT = """
import sys, pathlib, threading
from orchestrator.sandbox import Level, Sandbox
from orchestrator.worker import Sample
from tests.unit.sandbox.helpers import eventually, left_by, zygote
level, sample, scratch = sys.argv[1:]
sandbox = Sandbox(level=Level(level), preload=["hostile:limited"])
threading.Thread(target=sandbox.start).start()  # a thread that ends must not take the fork server along
daemon = Sample(pathlib.Path(sample), "0" * 64, 1, pathlib.Path(scratch))
sandbox.run("hostile:sleep", daemon)
"""


@pytest.fixture
def own_sandbox(level, hostile_module):
    with Sandbox(level=level, preload=["hostile:limited"]) as running:
        yield running


def test_a_killed_fork_server_crashes_the_run_and_the_next_one_works(own_sandbox, make_sample):
    first = zygote(own_sandbox)
    outcomes = []
    run = threading.Thread(
        target=lambda: outcomes.append(own_sandbox.run("hostile:sleep", make_sample())),
    )
    run.start()
    assert eventually(lambda: len(left_by(own_sandbox)) >= 5)
    started = left_by(own_sandbox)
    os.kill(first, signal.SIGKILL)
    run.join()
    assert outcomes[0].ending is Ending.crashed
    assert own_sandbox.run("hostile:honest", make_sample()).ending is Ending.finished
    assert zygote(own_sandbox) != first
    assert eventually(lambda: not any(map(_lives, started)))


def test_closing_ends_a_run_in_flight(level, hostile_module, make_sample):
    sandbox = Sandbox(level=level, preload=["hostile:limited"])
    sandbox.start()
    outcomes = []
    run = threading.Thread(target=lambda: outcomes.append(sandbox.run("hostile:sleep", make_sample())))
    run.start()
    assert eventually(lambda: len(left_by(sandbox)) >= 5)
    started, base = left_by(sandbox), sandbox._server._base
    sandbox.close()
    run.join()
    assert outcomes[0].ending is Ending.crashed
    assert not any(map(_lives, started))
    assert not base or not Path(base).exists()


def test_nothing_outlives_a_parent_that_is_killed(level, make_sample, tmp_path):
    sample = make_sample()
    (tmp_path / "temporary").mkdir()
    paths = [str(Path(__file__).parent), *filter(None, sys.path)]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": ":".join(paths)}
    environment |= {"TMPDIR": str(tmp_path / "temporary")}
    command = [sys.executable, "-c", PARENT, level, sample.path, sample.scratch]
    with subprocess.Popen(command, env=environment) as parent:
        try:
            assert eventually(lambda: _runs(parent.pid, "sleep") >= 2, 120)
            started = descendants(parent.pid)
        finally:
            parent.kill()
    assert len(started) >= 4
    assert eventually(lambda: not any(map(_lives, started)))
    assert eventually(lambda: not list((tmp_path / "temporary").iterdir()))


def test_an_impossible_level_says_why(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SandboxUnavailable, match="bwrap is not installed"):
        Sandbox(level=Level.bwrap).start()


@pytest.fixture
def without_bwrap(monkeypatch):
    monkeypatch.setenv("PATH", "")
    for function in (detect, shortcoming):
        function.cache_clear()
    yield
    for function in (detect, shortcoming):
        function.cache_clear()


def test_without_bwrap_the_next_level_that_works_is_taken(without_bwrap):
    reasons = examine()
    assert reasons[Level.bwrap] == "bwrap is not installed"
    working = [level for level, reason in reasons.items() if not reason]
    assert detect() is working[0]


def test_levels_compare_by_strength():
    assert Level.bwrap > Level.namespaces > Level.landlock > Level.rlimits
    assert sorted(Level) == [Level.rlimits, Level.landlock, Level.namespaces, Level.bwrap]
    assert Level.landlock >= Level.landlock
    assert Level.landlock <= Level.landlock


def _runs(ancestor: int, program: str) -> int:
    return sum(_name(each) == program for each in descendants(ancestor))


def _name(process: int) -> str:
    try:
        return Path(f"/proc/{process}/comm").read_text().strip()
    except OSError:
        return ""


def _lives(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
