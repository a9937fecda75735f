"""Children live and die together, however the end comes."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.processes import PATIENCE, alive, eventually, pids_in

SCRIPT = Path(__file__).with_name("supervise.py")


class Supervised:
    """A supervisor with children that note their pids in files named after them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.events = folder / "events"
        self.children: list[dict[str, Any]] = []
        self.process: subprocess.Popen[bytes] | None = None

    def child(self, name: str, script: str = "exec sleep 600", **options: Any) -> None:
        """A shell script that runs after the pid was noted."""
        command = ["sh", "-c", f'echo $$ >> "{self.folder / name}"; {script}']
        self.children.append({"name": name, "command": command, **options})

    def start(self, **options: Any) -> None:
        specification = self.folder / "specification"
        specification.write_text(json.dumps({"children": self.children, **options}))
        with (self.folder / "output").open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, SCRIPT, specification, self.events],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        eventually(lambda: "started" in self.told(), "the supervisor starts")
        for each in self.children:
            eventually(lambda name=each["name"]: bool(self.pids(name)), f"{each['name']} notes its pid")

    def told(self) -> str:
        return self.events.read_text() if self.events.exists() else ""

    def pids(self, name: str) -> list[int]:
        return pids_in(self.folder / name)

    def end(self, number: signal.Signals | None = None) -> str:
        """Send a signal, if any, wait for the end, and return what the supervisor told."""
        assert self.process is not None
        if number is not None:
            self.process.send_signal(number)
        self.process.wait(PATIENCE)
        return self.told()

    def left(self) -> list[int]:
        """Every pid that was ever noted and still runs."""
        noted = [path for path in self.folder.iterdir() if path.name.startswith("child")]
        return [pid for path in noted for pid in pids_in(path) if alive(pid)]

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator[Supervised]:
    made = Supervised(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_ends_all(supervised: Supervised, number: signal.Signals) -> None:
    """A signal to the supervisor ends and reaps every child."""
    supervised.child("child-1")
    supervised.child("child-2")
    supervised.start()
    assert f"stopped {number.name}" in supervised.end(number)
    assert supervised.left() == []


def test_death_ends_all(supervised: Supervised) -> None:
    """The death of a child ends the others; the message names it and its end."""
    supervised.child("child-1")
    supervised.child("child-2", "sleep 0.5; exit 7")
    supervised.start()
    assert "died: child-2 ended with status 7" in supervised.end()
    assert supervised.left() == []


def test_kill_of_child_is_named(supervised: Supervised) -> None:
    """A child that was killed by a signal is said to be so."""
    supervised.child("child-1", "sleep 0.5; kill -SEGV $$")
    supervised.start()
    assert "died: child-1 was ended by SIGSEGV" in supervised.end()


def test_restart(supervised: Supervised) -> None:
    """A child that may restart does, and the others go on."""
    supervised.child("child-1")
    supervised.child("child-2", restarts=True)
    supervised.start()
    first = supervised.pids("child-2")[0]
    os.kill(first, signal.SIGKILL)
    eventually(lambda: len(supervised.pids("child-2")) > 1, "the child is started again")
    assert alive(supervised.pids("child-1")[0])
    supervised.end(signal.SIGTERM)
    assert supervised.left() == []


def test_restarts_slow_down(supervised: Supervised) -> None:
    """A child that dies at once again and again is started ever more slowly."""
    times = supervised.folder / "times"
    supervised.child("child-1", f'date +%s.%N >> "{times}"; exit 1', restarts=True)
    supervised.start()
    eventually(lambda: times.exists() and len(times.read_text().split()) > 3, "four starts")
    moments = [float(each) for each in times.read_text().split()[:4]]
    supervised.end(signal.SIGTERM)
    assert moments[1] - moments[0] >= 0.5
    assert moments[2] - moments[1] >= 1.0
    assert moments[3] - moments[2] >= 2.0


def test_stubborn_child_is_killed(supervised: Supervised) -> None:
    """A child that ignores SIGTERM is killed when its grace is over."""
    supervised.child("child-1", "trap '' TERM; while :; do sleep 0.1; done", grace=0.3)
    supervised.start()
    supervised.end(signal.SIGTERM)
    assert supervised.left() == []


def test_second_interrupt_hurries(supervised: Supervised) -> None:
    """A second Ctrl-C does not wait for the grace to pass."""
    supervised.child("child-1", "trap '' TERM; while :; do sleep 0.1; done", grace=3600.0)
    supervised.start()
    assert supervised.process is not None
    supervised.process.send_signal(signal.SIGINT)
    deadline = time.monotonic() + PATIENCE
    while supervised.process.poll() is None and time.monotonic() < deadline:
        supervised.process.send_signal(signal.SIGINT)
        time.sleep(0.5)
    assert "stopped SIGINT" in supervised.told()
    assert supervised.left() == []


def test_stages(supervised: Supervised) -> None:
    """The lower stage is asked to stop when nothing of the higher one is left."""
    other = supervised.folder / "child-high"
    saw = supervised.folder / "saw"
    look = f'kill -0 $(head -1 "{other}") 2>/dev/null && echo alive > "{saw}" || echo gone > "{saw}"'
    supervised.child("child-low", f"trap '{look}; exit 0' TERM; while :; do sleep 0.1; done", stage=0)
    supervised.child("child-high", "trap 'sleep 1; exit 0' TERM; while :; do sleep 0.1; done")
    supervised.start()
    supervised.end(signal.SIGTERM)
    assert saw.read_text() == "gone\n"


def test_daemon_left_behind_is_ended(supervised: Supervised) -> None:
    """What a child started in a session of its own, and left, is ended as well."""
    daemon = supervised.folder / "child-daemon"
    supervised.child("child-1", f"setsid sh -c 'echo $$ >> \"{daemon}\"; exec sleep 600' & exec sleep 600")
    supervised.start()
    eventually(lambda: bool(pids_in(daemon)), "the daemon notes its pid")
    supervised.end(signal.SIGTERM)
    assert supervised.left() == []


def test_kill_of_supervisor_ends_children(supervised: Supervised) -> None:
    """The kernel ends the children when the supervisor is killed."""
    supervised.child("child-1")
    supervised.child("child-2", orphaned=signal.SIGTERM)
    supervised.start()
    supervised.end(signal.SIGKILL)
    eventually(lambda: supervised.left() == [], "the children are gone")


def test_not_ready_in_time(supervised: Supervised) -> None:
    """A child that does not become ready in time ends everything."""
    supervised.child("child-1")
    supervised.start(**{"await": 0.5})
    assert "died: the child was not ready within" in supervised.end()
    assert supervised.left() == []


def test_children_can_be_signalled(supervised: Supervised) -> None:
    """The supervisor blocks signals for itself, not for its children."""
    blocked = supervised.folder / "blocked"
    supervised.child("child-1", f'grep SigBlk /proc/self/status > "{blocked}"; exec sleep 600')
    supervised.start()
    eventually(lambda: blocked.exists() and blocked.read_text().endswith("\n"), "the mask is noted")
    supervised.end(signal.SIGTERM)
    assert int(blocked.read_text().split()[1], 16) == 0
