"""Every way in which a server can fail is one line that says what to do next."""

import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli import runtime
from orchestrator.cli.client import Client, connect
from orchestrator.cli.failure import Failure, Status


class Server(ThreadingHTTPServer):
    """Answers every request with the same, and remembers the last one's key."""

    daemon_threads = True
    status = 200
    body = b"{}"
    key = ""


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.key = self.headers.get("Argus-API-Key", "")
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as made:
        thread = threading.Thread(target=made.serve_forever, daemon=True)
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No Assay of this machine can be found."""
    for name in ("ASSAY_URL", "ASSAY_API_KEY", "ASSAY_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("ASSAY_DATA_DIR", str(tmp_path / "data"))


def url_of(server: Server) -> str:
    return f"http://127.0.0.1:{server.server_port}"


@pytest.mark.parametrize(
    ("code", "status", "advice"),
    [
        (401, Status.denied, "check ASSAY_API_KEY"),
        (403, Status.denied, "higher role"),
        (404, Status.missing, "no such thing"),
        (412, Status.failed, "size: no such thing"),
        (503, Status.unreachable, "try again"),
    ],
)
def test_refusals(server: Server, code: int, status: Status, advice: str) -> None:
    """The server's words, and the exit status for its answer."""
    message = {
        "type": "FIELD_ERROR",
        "message": "no such thing",
        **({"field": "size"} if code == 412 else {}),
    }
    server.status, server.body = code, json.dumps({"messages": [message]}).encode()
    with Client(url_of(server), "key") as client, pytest.raises(Failure, match=advice) as failure:
        client.get("/job")
    assert failure.value.status is status


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"messages": null}'])
def test_refusal_of_something_else(server: Server, body: bytes) -> None:
    """A server that is no Assay is told by its status."""
    server.status, server.body = 500, body
    with Client(url_of(server), "key") as client, pytest.raises(Failure, match="answered 500"):
        client.get("/job")


def test_not_json(server: Server) -> None:
    server.body = b"<html>"
    with Client(url_of(server), "key") as client, pytest.raises(Failure, match="is not an Assay"):
        client.get("/job")


def test_nobody_there(server: Server) -> None:
    url = url_of(server)
    server.server_close()
    with Client(url, "key") as client, pytest.raises(Failure, match="does not answer") as failure:
        client.get("/job")
    assert failure.value.status is Status.unreachable


def test_nothing_runs() -> None:
    with pytest.raises(Failure, match="start one with `assay up`") as failure:
        connect()
    assert failure.value.status is Status.unreachable


def test_url_without_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_URL", "http://127.0.0.1:1")
    with pytest.raises(Failure, match="ASSAY_API_KEY is not set"):
        connect()


def test_settings_name_the_service(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """`ASSAY_URL` and `ASSAY_API_KEY` are all that a remote client needs."""
    monkeypatch.setenv("ASSAY_URL", url_of(server) + "/")
    monkeypatch.setenv("ASSAY_API_KEY", "the-key")
    server.body = b'{"data": 7}'
    with connect() as client:
        assert client.get("/job") == 7
    assert server.key == "the-key"


def running(data: Path, pid: int, url: str = "http://127.0.0.1:1") -> runtime.Running:
    return runtime.Running(url, "local-key", pid, str(data), "")


def test_local_stack_is_found(tmp_path: Path) -> None:
    """By its data folder, and from anywhere if it is this user's only one; not once its process is dead."""
    data = tmp_path / "elsewhere"
    runtime.publish(running(data, os.getpid()))
    for folder in (data, tmp_path / "data"):
        found = runtime.find(folder)
        assert found is not None
        assert found.key == "local-key"
    assert runtime.record_of(data).stat().st_mode & 0o077 == 0
    runtime.publish(running(data, 2**22 + 1))
    assert runtime.find(data) is None
    runtime.withdraw(data)
    assert not runtime.record_of(data).exists()


def test_several_local_stacks(tmp_path: Path) -> None:
    """Which one is meant has to be said."""
    for name in ("one", "two"):
        runtime.publish(running(tmp_path / name, os.getpid()))
    with pytest.raises(Failure, match="several Assays run here"):
        runtime.find(tmp_path / "data")


def test_short_socket_path(tmp_path: Path) -> None:
    """A socket in the data folder where its path is short enough, else in a folder of this user's own."""
    short = Path("/srv/assay")
    assert runtime.broker_socket(short) == short / "run" / "valkey.sock"
    moved = runtime.broker_socket(tmp_path / ("x" * 100))
    assert moved.parent.stat().st_mode & 0o077 == 0


def test_foreign_runtime_folder() -> None:
    """A folder that others can enter is not trusted."""
    runtime.private_folder().chmod(0o755)
    with pytest.raises(Failure, match="not a private folder"):
        runtime.private_folder()
