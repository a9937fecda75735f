"""The parent's hold on one fork server: starting it, giving it orders, ending it."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from orchestrator.sandbox import scratch, view, wall
from orchestrator.sandbox.outcome import Level, SandboxUnavailable

_BOOT = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from orchestrator.sandbox.server import main; main(sys.argv[2])"
)
_START_SECONDS = 120
_END_SECONDS = 15
_MAX_HELLO = 1 << 20

_log = logging.getLogger(__name__)


class ForkServer:
    """A running fork server of one level. Raises :class:`SandboxUnavailable` where it cannot start."""

    def __init__(self, level: Level, preload: Iterable[str] | None, readable: Iterable[str] = ()) -> None:
        self.level = level
        program = _bubblewrap_program() if level is Level.bwrap else ""
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._sending = threading.Lock()
        life, self._life = os.pipe()
        self._base = "" if level.walled else _new_base()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - read when the start fails, closed with self
        self._started = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        try:
            import_path = [str(Path.cwd() / each) for each in sys.path]
            shown = view.visible(import_path, readable)
            told = {
                "level": level,
                "control": theirs.fileno(),
                "life": life,
                "base": self._base,
                "readable": shown,
                "preload": None if preload is None else list(preload),
            }
            command = [sys.executable, "-I", "-c", _BOOT, json.dumps(import_path), json.dumps(told)]
            if program:
                command = [*wall.bubblewrap(program, shown), *command]
            self._launch(command, (theirs.fileno(), life))
        except BaseException:
            self.close()
            raise
        finally:
            theirs.close()
            os.close(life)
        try:
            self._greet()
        except BaseException:
            self.close()
            raise

    @property
    def alive(self) -> bool:
        """Whether it can take another order, as far as can be told."""
        if self._process is None or self._process.returncode is not None:
            return False
        poll = select.poll()
        poll.register(self._control, select.POLLRDHUP)
        return not poll.poll(0)

    @property
    def process_id(self) -> int:
        """The process that stands for the whole fork server: ending it ends everything it started."""
        return self._process.pid if self._process else 0

    def order(self, message: dict[str, Any], descriptors: Sequence[int]) -> None:
        """Have one run started; the descriptors go along. Raises :class:`OSError` if nobody is there."""
        with self._sending:
            socket.send_fds(self._control, [json.dumps(message).encode()], descriptors)

    def forget(self, run: str) -> None:
        """Remove the files of a run that has ended."""
        if self._base:
            # the fork server's warden may be at it too, and removes at the end what stays now
            with contextlib.suppress(OSError):
                scratch.remove(Path(self._base, run))

    def close(self) -> None:
        """End the fork server and every run in it; waits until they are gone."""
        self._control.close()
        if self._life >= 0:
            os.close(self._life)
            self._life = -1
        if self._process is not None:
            try:
                self._process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._errors.close()
        if self._base:
            with contextlib.suppress(OSError):
                scratch.remove(Path(self._base))

    def _launch(self, command: list[str], keep: tuple[int, ...]) -> None:
        # the kernel's parent-death signal watches the thread that forked, so that thread has to stay
        threading.Thread(target=self._mind, args=(command, keep), name="sandbox", daemon=True).start()
        self._started.wait()
        if self._process is None:
            raise SandboxUnavailable(f"{command[0]} cannot be started")

    def _mind(self, command: list[str], keep: tuple[int, ...]) -> None:
        try:
            process = subprocess.Popen(  # noqa: S603 - our own command line
                command,
                env={},
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._errors,
                pass_fds=keep,
                start_new_session=True,
            )
        except OSError:
            self._started.set()
            return
        self._process = process
        self._started.set()
        process.wait()

    def _greet(self) -> None:
        self._control.settimeout(_START_SECONDS)
        try:
            hello = self._control.recv(_MAX_HELLO)
        except TimeoutError:
            raise SandboxUnavailable(f"the fork server took more than {_START_SECONDS} s to start") from None
        finally:
            self._control.settimeout(None)
        answer: dict[str, Any] = json.loads(hello) if hello else {"error": self._last_error()}
        if "error" in answer:
            raise SandboxUnavailable(f"{self.level}: {answer['error']}")
        for name, reason in answer["problems"].items():
            _log.warning("worker %s cannot be loaded in the sandbox: %s", name, reason)
        if answer["threads"] > 1:
            _log.info("a worker's import starts threads, which a run in the sandbox will not have")

    def _last_error(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "the fork server ended at once"


def _new_base() -> str:
    base = Path(tempfile.mkdtemp(prefix="assay-sandbox-"))
    # to pass through, not to list: a run's user must reach its own folder below
    base.chmod(0o711)
    return str(base)


def _bubblewrap_program() -> str:
    program = shutil.which("bwrap")
    if program is None:
        raise SandboxUnavailable("bwrap is not installed")
    return program
