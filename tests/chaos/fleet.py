"""Every process of the service over servers of its own; what dies is started again, as systemd would."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import delete

from orchestrator.cli.embedded import listen, url_of
from orchestrator.domain.vocabulary import Role
from orchestrator.services import access
from orchestrator.store.tables import RegisteredWorker
from tests.chaos.proxy import Proxy
from tests.chaos.servers import OwnPostgresql, Server
from tests.integration.backends import eventually
from tests.integration.house import House, end

ROOT = Path(__file__).parents[2]
SERVED = ("behave", "steady")

#: How long a start may take on a busy machine, in seconds.
START = 300.0
#: How long a part that died stays away, in seconds.
_PAUSE = 0.2


@dataclass(slots=True)
class Part:
    """A process that is to run for as long as the fleet does."""

    arguments: tuple[str, ...]
    process: subprocess.Popen[bytes]
    #: its next end is no surprise
    asked: bool = False


@dataclass(slots=True)
class Surprise:
    """A part that a signal ended which no fault sent."""

    name: str
    status: int
    log: str = field(repr=False, default="")


class Fleet(House):
    """API, sweep and worker processes, each to be killed by its name."""

    def __init__(self, folder: Path, broker: Server, database: OwnPostgresql | None, **settings: Any) -> None:
        self.broker = broker
        self.database = database
        self.proxy = Proxy(database.port) if database else None
        self.clock = folder / "clock"
        self.ledger = folder / "ledger"
        self.blobs_folder = folder / "blobs"
        self._mounted = _mount(self.blobs_folder)
        super().__init__(folder, database.url if database else "", broker.url, **settings)
        self.parts: dict[str, Part] = {}
        self.surprises: list[Surprise] = []
        self._socket = listen("127.0.0.1", 0)
        self.url = url_of(self._socket)
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="keeper", daemon=True)
        with self.begin() as uow:
            self.key = access.create_key(uow, "storm", Role.administrator)
        with self.begin() as uow:
            # whoever nobody serves would be waited for
            uow.session.execute(delete(RegisteredWorker).where(RegisteredWorker.short_name.not_in(SERVED)))
            uow.commit()

    def program(self) -> list[str]:
        return [sys.executable, "-m", "tests.chaos.entry"]

    def environment(self) -> dict[str, str]:
        env = super().environment()
        env |= {"CHAOS_CLOCK": str(self.clock), "CHAOS_LEDGER": str(self.ledger)}
        env["PYTHONPATH"] += f":{ROOT}"
        if self.proxy is not None and self.database is not None:
            direct = str(self.settings.database_url)
            env["ASSAY_DATABASE_URL"] = direct.replace(f":{self.database.port}/", f":{self.proxy.port}/")
        return env

    def launch(self, *, workers: int = 2, apis: int = 1) -> None:
        """Start every part; returns when the API and all worker processes are ready."""
        handle = str(self._socket.fileno())
        names: dict[str, tuple[str, ...]] = {
            **{f"api-{number}": ("api", "--fd", handle) for number in range(apis)},
            "sweep": ("sweep",),
            **{
                f"worker-{number}": ("worker-process", "--workers", ",".join(SERVED))
                for number in range(workers)
            },
        }
        for name, arguments in names.items():
            self.parts[name] = Part(arguments, self._spawn(arguments))
        for name, part in self.parts.items():
            if name.startswith("worker"):
                eventually(lambda pid=part.process.pid: self.lives(pid), self.why(), START)  # type: ignore[misc]
        self._keeper.start()

    def _spawn(self, arguments: tuple[str, ...]) -> subprocess.Popen[bytes]:
        handles = (self._socket.fileno(),) if arguments[0] == "api" else ()
        return self.spawn(*arguments, pass_fds=handles)

    def _keep(self) -> None:
        while not self._closing.wait(_PAUSE):
            with self._lock:
                for name, part in self.parts.items():
                    status = part.process.poll()
                    if status is None:
                        continue
                    if status < 0 and not part.asked:
                        self.surprises.append(Surprise(name, status, self.why()))
                    part.asked = False
                    part.process = self._spawn(part.arguments)

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL, *, wait: bool = False) -> None:
        """Send a part a signal; it is started again once it has ended."""
        with self._lock:
            part = self.parts[name]
            part.asked = True
            process = part.process
        with suppress(ProcessLookupError):
            process.send_signal(number)
        if wait:
            # the keeper reaps it
            eventually(lambda: part.process is not process, f"{name} did not end")

    def ready(self, name: str) -> bool:
        """Whether a worker process has taken out its lease."""
        return self.lives(self.parts[name].process.pid)

    def names(self, kind: str) -> list[str]:
        return sorted(name for name in self.parts if name.startswith(kind))

    def step(self, seconds: float) -> None:
        """Set every process's clock ahead of the true one, or behind it."""
        fresh = self.clock.with_suffix(".new")
        fresh.write_text(str(seconds))
        fresh.replace(self.clock)

    def fill_disk(self) -> None:
        """Let the blob store take no more bytes: a full disk, or a folder that nobody may write to."""
        if not self._mounted:
            self.blobs_folder.chmod(0o500)
            return
        with suppress(OSError), (self.blobs_folder / "filler").open("wb", buffering=0) as filler:
            while filler.write(bytes(4096)):
                pass

    def free_disk(self) -> None:
        if self._mounted:
            (self.blobs_folder / "filler").unlink(missing_ok=True)
        else:
            self.blobs_folder.chmod(0o700)

    def headers(self) -> Mapping[str, str]:
        return {"Argus-API-Key": self.key, "Connection": "close"}

    def why(self) -> str:
        """Where to look, and the last words of whoever complained."""
        tails = {log.name: log.read_text(errors="replace")[-1500:] for log in self.logs[-6:]}
        return "\n".join(
            [f"see {self.settings.folder}", *(f"--- {name}\n{tail}" for name, tail in tails.items())]
        )

    def close(self) -> None:
        self._closing.set()
        if self._keeper.is_alive():
            self._keeper.join()
        began = time.monotonic()
        for part in self.parts.values():
            with suppress(ProcessLookupError):
                part.process.terminate()
        for part in self.parts.values():
            end(part.process)
        self.farewell = time.monotonic() - began
        super().close()
        self._socket.close()
        if self.proxy is not None:
            self.proxy.close()
        if self._mounted:
            subprocess.run(["umount", "--lazy", str(self.blobs_folder)], check=False, capture_output=True)


def _mount(folder: Path) -> bool:
    """A small disk of its own, where that is allowed."""
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0 or shutil.which("mount") is None:
        return False
    command = ["mount", "-t", "tmpfs", "-o", "size=24m,mode=700", "assay-chaos", str(folder)]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0
