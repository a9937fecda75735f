"""Starts a real `assay up` for a test, and reaps it."""

import os
import re
import shutil
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import psutil
import psycopg

ASSAY = Path(sys.executable).with_name("assay")
POSTGRESQL = "postgresql://postgres@127.0.0.1:5432"

#: How long a start or a stop may take on a busy machine.
PATIENCE = 120.0

URL_LINE = re.compile(r"Assay is at (http://\S+)")
KEY_LINE = re.compile(r"administrator key \(shown once\): (\S+)")


class Stack:
    """One `assay up` on a folder of its own, at a port of its own."""

    def __init__(self, data: Path, settings: Mapping[str, str] | None = None) -> None:
        self.data = data
        self.env = {name: value for name, value in os.environ.items() if not name.startswith("ASSAY_")}
        self.env |= dict(settings or {})
        self.url = ""
        self.admin_key = ""
        self.output: list[str] = []
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> Self:
        """Starts the stack; returns when it has printed its address (and its first key, on a new folder)."""
        fresh = not self.data.exists() or not any(self.data.iterdir())
        setpriv = shutil.which("setpriv")
        # the kernel ends the stack when this process is killed before it could
        guard = [setpriv, "--pdeathsig", "TERM", "--"] if setpriv else []
        up = [str(ASSAY), "up", "--data", str(self.data), "--host", "127.0.0.1", "--port", "0"]
        self._process = subprocess.Popen(
            [*guard, *up],
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        reader = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        reader.start()
        try:
            self._await_address(self._process, key_expected=fresh)
        except BaseException:
            self.stop(check=False)
            raise
        return self

    @property
    def pid(self) -> int:
        if self._process is None:
            msg = "the stack was not started"
            raise AssertionError(msg)
        return self._process.pid

    def key(self, role: str, customer: str = "default", name: str = "") -> str:
        """A new key of a user of that customer, made by the command line beside the running stack."""
        name = name or f"{customer}-{role.lower()}-{uuid.uuid4().hex[:8]}"
        command = [str(ASSAY), "key", "create", name, "--role", role, "--customer", customer]
        done = subprocess.run(
            [*command, "--data", str(self.data)],
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}"
        key = done.stdout.strip()
        assert len(key.split()) == 1, f"only the key was expected, got {done.stdout!r}"
        return key

    def stop(self, *, check: bool = True) -> None:
        """Sends SIGTERM and leaves no process behind; with `check`, one that outlived it is an error."""
        process, self._process = self._process, None
        if process is None:
            return
        tree = _tree(process.pid)
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        tree |= _session(process.pid)
        left = psutil.wait_procs(tree, timeout=5)[1]
        names = [f"{p.pid} {p.name()}" for p in left if p.is_running()]
        for straggler in left:
            straggler.kill()
        if process.stdout is not None and not names:
            process.stdout.close()
        if check:
            assert not names, f"left behind by assay up: {names}"
            assert process.returncode == 0, f"assay up ended with {process.returncode}:\n{self.tail()}"

    def tail(self, lines: int = 60) -> str:
        return "".join(self.output[-lines:])

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.stop(check=kind is None)

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        try:
            self.output.extend(process.stdout)
        except ValueError:
            return  # closed by stop()

    def _await_address(self, process: subprocess.Popen[str], *, key_expected: bool) -> None:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            text = "".join(self.output)
            url, key = URL_LINE.search(text), KEY_LINE.search(text)
            if url and (key or not key_expected):
                self.url = url[1].rstrip("/")
                self.admin_key = key[1] if key else ""
                return
            assert process.poll() is None, f"assay up ended with {process.returncode}:\n{text}"
            time.sleep(0.05)
        msg = f"assay up printed no address within {PATIENCE:.0f} s:\n{self.tail()}"
        raise AssertionError(msg)


@contextmanager
def postgresql_database() -> Iterator[str]:
    """A database of its own on the local server, as a setting's URL; dropped at the end."""
    name = f"assay_contract_{uuid.uuid4().hex}"
    with psycopg.connect(f"{POSTGRESQL}/postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    try:
        yield f"{POSTGRESQL.replace('postgresql:', 'postgresql+psycopg:')}/{name}"
    finally:
        with psycopg.connect(f"{POSTGRESQL}/postgres", autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@contextmanager
def running_stack(data: Path, settings: Mapping[str, str] | None = None) -> Iterator[Stack]:
    """A stack over the database that ASSAY_TEST_DATABASE names: `sqlite` (the default) or `postgresql`."""
    database = os.environ.get("ASSAY_TEST_DATABASE", "sqlite")
    if database == "sqlite":
        with Stack(data, settings) as stack:
            yield stack
    elif database == "postgresql":
        with (
            postgresql_database() as url,
            Stack(data, {**(settings or {}), "ASSAY_DATABASE_URL": url}) as stack,
        ):
            yield stack
    else:
        msg = f"ASSAY_TEST_DATABASE is {database!r}, neither sqlite nor postgresql"
        raise AssertionError(msg)


def _tree(pid: int) -> set[psutil.Process]:
    try:
        process = psutil.Process(pid)
        return set(process.children(recursive=True))
    except psutil.NoSuchProcess:
        return set()


def _session(pid: int) -> set[psutil.Process]:
    found = set()
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == pid:
                found.add(process)
        except (OSError, psutil.NoSuchProcess):
            continue
    return found
