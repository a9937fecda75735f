"""Worker and API processes of a benchmark's own, and what they use."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self
from urllib.error import URLError
from urllib.request import urlopen

from benchmarks.kit import noop
from benchmarks.kit.servers import cpu_seconds, folder, free_port
from orchestrator.settings import Settings
from tests.integration.backends import dies_with_us

ROOT = Path(__file__).parents[2]


def environment(settings: Settings, **extra: str) -> dict[str, str]:
    """The settings, for a process of one's own; nothing of the caller's Assay gets through."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("ASSAY_")}
    given = {
        "ASSAY_DATA_DIR": str(settings.folder),
        "ASSAY_DATABASE_URL": settings.database_url,
        "ASSAY_BROKER_URL": settings.broker_url,
        "ASSAY_LOG_LEVEL": "warning",
        "ASSAY_QUEUE_WINDOW": str(settings.queue_window),
        "PYTHONWARNINGS": "ignore",
    }
    return {**own, **given, **extra}


class Process:
    """A child that is ended with the block, and by the kernel should this process be killed."""

    def __init__(self, command: list[str], env: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(dies_with_us(command), env=dict(env), cwd=ROOT)
        self.pid = self._process.pid

    def cpu_seconds(self) -> float:
        return cpu_seconds(self.pid)

    def alive(self) -> bool:
        return self._process.poll() is None

    def exit_code(self) -> int | None:
        """None while it lives; negative: the signal that ended it."""
        return self._process.poll()

    def ask(self) -> None:
        """Ask it to end, without waiting for that."""
        self._process.terminate()

    def close(self) -> None:
        self.ask()
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Workers:
    """Worker processes that wait, imported, until :meth:`go`."""

    def __init__(self, kind: str, settings: Settings, count: int) -> None:
        self._kind, self._settings, self._count = kind, settings, count
        self.folder = folder()
        self.stamps = self.folder / "stamps"
        self._running: list[Process] = []
        self._used = 0.0

    def __enter__(self) -> Self:
        path = f"{noop.install(self.folder)}:{ROOT}"
        env = environment(self._settings, PYTHONPATH=path)
        names = [f"{self._kind}-{number}" for number in range(self._count)]
        for name in names:
            command = [sys.executable, "-m", "benchmarks.serve", self._kind, str(self.folder), name]
            self._running.append(Process(command, env))
        self.until(lambda: all((self.folder / f"{name}.ready").exists() for name in names))
        return self

    def until(self, check: Callable[[], object], patience: float = 600.0) -> float:
        """When, by the monotonic clock, a condition first held; not for ever, and not without processes."""

        def checked() -> object:
            if not all(each.alive() for each in self._running):
                codes = [each.exit_code() for each in self._running]
                raise SystemExit(f"a {self._kind} worker process ended, see above; exit codes {codes}")
            return check()

        return until(checked, patience)

    def go(self) -> None:
        self._used = self._total()
        (self.folder / "go").touch()

    @property
    def pids(self) -> dict[str, int]:
        """The processes by name."""
        return {f"worker {number}": each.pid for number, each in enumerate(self._running, 1)}

    def cpu_seconds(self) -> float:
        """What they have used since the go."""
        return self._total() - self._used

    def _total(self) -> float:
        return sum(each.cpu_seconds() for each in self._running)

    def __exit__(self, *_: object) -> None:
        for each in self._running:
            each.ask()
        for each in self._running:
            each.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Api:
    """``assay api`` on a free port."""

    def __init__(self, settings: Settings, **extra: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        command = [
            sys.executable,
            "-m",
            "orchestrator",
            "api",
            "--host",
            "127.0.0.1",
            "--port",
            str(self.port),
        ]
        self._process = Process(command, environment(settings, **extra))
        self.pid = self._process.pid

    def __enter__(self) -> Self:
        until(self._answers, pause=0.2)
        return self

    def _answers(self) -> bool:
        if not self._process.alive():
            raise SystemExit("the API ended: see above")
        return answers(f"{self.url}/openapi.json")

    def cpu_seconds(self) -> float:
        return self._process.cpu_seconds()

    def __exit__(self, *_: object) -> None:
        self._process.close()


def answers(url: str) -> bool:
    """Whether something answers there."""
    try:
        with urlopen(url, timeout=5) as answer:
            return bool(answer.status)
    except (URLError, OSError):
        return False


def until(check: Callable[[], object], patience: float = 600.0, pause: float = 0.02) -> float:
    """When, by the monotonic clock, a condition first held."""
    deadline = time.monotonic() + patience
    while True:
        if check():
            return time.monotonic()
        if time.monotonic() > deadline:
            raise SystemExit(f"not done within {patience:.0f} s")
        time.sleep(pause)
