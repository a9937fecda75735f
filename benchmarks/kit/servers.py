"""Servers and databases of a benchmark's own, so that what they cost can be told from what others do."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from uuid import uuid4

import psutil
import psycopg

from benchmarks.kit.machine import postgres_program
from orchestrator.settings import Settings
from orchestrator.store import migrations
from orchestrator.store.engine import make_engine
from tests.integration.backends import broker, dies_with_us, eventually

_MARK = "assay-bench-"


def missing(service: str) -> None:
    raise SystemExit(f"{service} is not running here")


def folder() -> Path:
    """A temporary folder that everybody may enter: the database server and the sandbox are other users."""
    made = Path(tempfile.mkdtemp(prefix=_MARK))
    made.chmod(0o755)
    return made


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def cpu_seconds(pid: int) -> float:
    """What a process, its living descendants and those that it waited for have used so far."""
    used = 0.0
    try:
        process = psutil.Process(pid)
        tree = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return used
    for each in tree:
        try:
            used += sum(each.cpu_times()[:4])
        except psutil.NoSuchProcess:
            continue
    return used


class PostgresServer:
    """A PostgreSQL server on a free port, as ``initdb`` sets it up: durable."""

    def __init__(self, **options: str) -> None:
        initdb, postgres = postgres_program("initdb"), postgres_program("postgres")
        if initdb is None or postgres is None:
            raise SystemExit("PostgreSQL's initdb and postgres are not installed here")
        self.folder = folder()
        self.port = free_port()
        self._user: list[str] = []
        if os.geteuid() == 0:
            # the server refuses to be run by root
            shutil.chown(self.folder, "postgres", "postgres")
            self._user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]
        data = self.folder / "data"
        command = [
            *self._user,
            initdb,
            "-D",
            str(data),
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
        ]
        subprocess.run(command, check=True, capture_output=True, cwd="/")
        given = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "port": str(self.port),
            **options,
        }
        self._command = [postgres, "-D", str(data)]
        for name, value in given.items():
            self._command += ["-c", f"{name}={value}"]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [*self._user, *dies_with_us(self._command)],
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
            )
        eventually(self._answers, "PostgreSQL does not start", patience=300)
        return self

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.dsn("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def dsn(self, database: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def create(self, name: str = "", template: str = "template1") -> str:
        """A new database; its name."""
        name = name or f"bench_{uuid4().hex[:12]}"
        self._run(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def drop(self, name: str) -> None:
        self._run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def checkpoint(self) -> None:
        """Let no measurement pay for the dirt of the one before."""
        self._run("CHECKPOINT")

    def _run(self, statement: str) -> None:
        with psycopg.connect(self.dsn("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())

    def cpu_seconds(self) -> float:
        return cpu_seconds(self._process.pid) if self._process else 0.0

    def close(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(60)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class Place:
    """A broker and a store of a round's own."""

    settings: Settings
    postgres: PostgresServer | None

    def database_cpu(self) -> float:
        """CPU seconds of the database server so far; of SQLite, which has none, zero."""
        return self.postgres.cpu_seconds() if self.postgres else 0.0


@contextmanager
def place(
    broker_kind: str, postgres: PostgresServer | None, database: str = "", **settings: object
) -> Iterator[Place]:
    """A place on a broker of its own; without a ``postgres``, over SQLite. A ``database`` given is kept."""
    data = folder()
    with broker(broker_kind, missing) as url:
        name = database or (postgres.create() if postgres else "")
        try:
            dsn = postgres.dsn(name) if postgres else ""
            made = Settings(data_dir=data, database_url=dsn, broker_url=url, **settings)
            if not database:
                migrate(made)
            yield Place(made, postgres)
        finally:
            if postgres and not database:
                postgres.drop(name)
            shutil.rmtree(data, ignore_errors=True)


def migrate(settings: Settings) -> None:
    """Bring the store to the newest schema."""
    engine = make_engine(settings.database)
    migrations.upgrade(engine)
    engine.dispose()
