"""Bodies that are too large, too slow, or never come; heads that never end."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time

import pytest
import uvicorn

from orchestrator.api.middleware import BodyLimit
from orchestrator.cli import impatient


class Sender:
    """A client that sends these chunks, and then keeps its connection open without a word."""

    def __init__(self, chunks, pause=0.0):
        self.chunks = list(chunks)
        self.pause = pause
        self.sent = []

    async def receive(self):
        if not self.chunks:
            await asyncio.Event().wait()
        await asyncio.sleep(self.pause)
        return {"type": "http.request", "body": self.chunks.pop(0), "more_body": True}

    async def send(self, message):
        self.sent.append(message)

    @property
    def status(self):
        return self.sent[0]["status"]


async def _reader(scope, receive, send):
    """An application that answers 500 to whatever goes wrong, as frameworks do."""
    try:
        while (await receive()).get("more_body"):
            pass
        status = 200
    except Exception:  # noqa: BLE001 - as frameworks do
        status = 500
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def _post(sender, path="/sampledb/v2/sample", patience=0.05, **limits):
    limits = {"default": 100, "raw": 10_000, **limits}
    scope = {"type": "http", "method": "POST", "path": path, "headers": []}
    asyncio.run(BodyLimit(_reader, patience=patience, **limits)(scope, sender.receive, sender.send))
    return sender


def test_a_body_that_does_not_come_is_not_waited_for():
    """The answer says so, whatever the application would have made of it."""
    sender = _post(Sender([b"begin"]))
    assert sender.status == 408
    assert json.loads(sender.sent[1]["body"])["messages"][0]["messageTemplate"] == "body.too.slow"
    assert (b"connection", b"close") in sender.sent[0]["headers"]


def test_a_body_that_trickles_is_not_waited_for():
    """Although something comes again and again."""
    assert _post(Sender([b"x"] * 1000, pause=0.02), patience=0.2).status == 408


@pytest.mark.parametrize(("path", "size"), [("/sampledb/v2/sample", 10_001), ("/sampledb/v2/job", 101)])
def test_a_body_over_the_limit_is_cut_off(path, size):
    """A sample's limit is higher than that of JSON."""
    sender = _post(Sender([b"x" * size]), path, patience=30)
    assert sender.status == 412
    assert json.loads(sender.sent[1]["body"])["messages"][0]["field"] == "body"


def test_a_whole_body_leaves_the_connection_alone():
    """Whoever waits for its end, a stream of events say, is not cut off."""

    async def patient(_scope, receive, send):
        await receive()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(receive(), 0.2)
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def receive():
        if sent:
            await asyncio.Event().wait()
        sent.append(True)
        return {"type": "http.request", "body": b"", "more_body": False}

    sent, answers = [], []

    async def send(message):
        answers.append(message["status"])

    scope = {"type": "http", "method": "GET", "path": "/events"}
    asyncio.run(BodyLimit(patient, default=1, raw=1, patience=0.05)(scope, receive, send))
    assert answers == [200]


@pytest.fixture
def port(monkeypatch):
    """Where a server listens that waits a quarter of a second for a request's head."""
    monkeypatch.setattr(impatient, "HEAD_TIMEOUT", 0.25)
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(_reader, http=impatient.ImpatientProtocol, log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield listening.getsockname()[1]
    server.should_exit = True
    thread.join()
    listening.close()


@pytest.mark.parametrize("head", [b"", b"GET / HTTP/1.1\r\nHost: a\r\n"])
def test_a_head_that_does_not_end_is_not_waited_for(port, head):
    """The connection is closed without an answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(head)
        assert connection.recv(100) == b""


def test_an_ordinary_request_is_answered(port):
    """And the connection serves the next one too."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        for _ in range(2):
            connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert connection.recv(1000).startswith(b"HTTP/1.1 200")
