"""Webhooks: what is told, to whom, how it is signed, tried again, logged, and where it never goes."""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from orchestrator.domain.clock import now
from orchestrator.domain.vocabulary import Role
from orchestrator.services import access
from orchestrator.services.webhooks import sending
from orchestrator.services.webhooks.addresses import Forbidden, check, networks, split
from orchestrator.services.webhooks.courier import Courier
from orchestrator.services.webhooks.sending import Letter, Sender
from orchestrator.store.tables import Webhook, WebhookDelivery
from tests.integration.api import Api

DOC = Path(__file__).parents[2] / "docs" / "webhooks.md"
LOOPBACK = (ip_network("127.0.0.0/8"),)


class Hook:
    """A server that is told, and what it was told."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.heard: list[tuple[dict[str, str], bytes]] = []
        self.location = ""
        self.trickles = False
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.heard.append((dict(self.headers), body))
                hook.called.set()
                if hook.trickles:
                    self.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
                    hook.release.wait(60)
                    return
                self.send_response(hook.answers.pop(0) if hook.answers else 204)
                if hook.location:
                    self.send_header("Location", hook.location)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.release = threading.Event()
        self.called = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/told?x=1"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.release.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def hook() -> Iterator[Hook]:
    made = Hook()
    yield made
    made.close()


def courier(api: Api, **settings: Any) -> Courier:
    changed = api.settings.model_copy(update={"webhook_networks": "127.0.0.0/8", **settings})
    return Courier(changed, api.begin)


def subscribe(api: Api, hook: Hook, *events: str, **options: Any) -> dict[str, Any]:
    answer = api.post("/webhook", {"url": hook.url, "events": events or ["*"]}, **options)
    assert answer.status_code == 201, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


def finish(api: Api, content: bytes = b"a sample", **options: Any) -> str:
    """A job that is done; three events of its job task, and its own."""
    job: str = api.job_of(api.submit(content, **options))["id"]
    added = api.post(f"/job/{job}/task", {"worker": "peel"}, role=Role.administrator).json()["data"]
    for state in ("executing", "success"):
        api.put(f"/job/{job}/task/{added['id']}", {"state": state}, role=Role.administrator)
    return job


def run(made: Courier, rounds: int = 4) -> None:
    for _ in range(rounds):
        made.round()


def log(api: Api, webhook: dict[str, Any]) -> list[dict[str, Any]]:
    answer = api.get(f"/webhook/{webhook['id']}/delivery", role=Role.administrator)
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


def due_now(api: Api) -> None:
    with api.begin() as uow:
        for row in uow.session.query(WebhookDelivery):
            row.due_at = now() - timedelta(seconds=1)
        uow.commit()


def long_ago(api: Api) -> None:
    """Everything that is under way began two hours earlier, and is due."""
    with api.begin() as uow:
        for row in uow.session.query(WebhookDelivery):
            row.created_at -= timedelta(hours=2)
            row.due_at = now() - timedelta(seconds=1)
        for hook in uow.session.query(Webhook):
            hook.failing_since = hook.failing_since and hook.failing_since - timedelta(hours=2)
        uow.commit()


def verify() -> Any:
    """The function that the documentation gives to whoever is told."""
    (code,) = re.findall(r"```python\n(.*?)```", DOC.read_text(encoding="utf-8"), re.DOTALL)
    space: dict[str, Any] = {}
    exec(code, space)
    return space["verify"]


def test_events_are_told_signed_and_once(api: Api, hook: Hook) -> None:
    finish(api, b"before anybody asked")
    webhook = subscribe(api, hook)
    job = finish(api)
    run(courier(api))
    run(courier(api))
    events = [json.loads(body) for _, body in hook.heard]
    assert sorted(each["event"] for each in events) == [
        *("job.done", "job_task.enqueued", "job_task.executing", "job_task.success"),
    ]
    assert {each["job"] for each in events} == {job}
    for headers, body in hook.heard:
        assert headers["Assay-Event"] == json.loads(body)["event"]
        assert verify()(webhook["secret"], headers["Assay-Signature"], body)
        assert not verify()("another", headers["Assay-Signature"], body)
        assert not verify()(webhook["secret"], headers["Assay-Signature"], body + b" ")
    rows = log(api, webhook)
    assert {(row["state"], row["attempts"], row["status"]) for row in rows} == {("delivered", 1, 204)}
    assert {headers["Assay-Delivery"] for headers, _ in hook.heard} == {row["id"] for row in rows}
    assert "secret" not in api.get(f"/webhook/{webhook['id']}").json()["data"]


def test_what_is_not_taken_is_tried_again(api: Api, hook: Hook) -> None:
    webhook = subscribe(api, hook, "job.*")
    finish(api)
    hook.answers = [500, 302, 200]
    hook.location = "http://127.0.0.1:1/elsewhere"
    made = courier(api)
    run(made)
    (row,) = log(api, webhook)
    assert (row["state"], row["attempts"], row["status"]) == ("pending", 1, 500)
    assert row["dueTimestamp"] > row["triedTimestamp"]
    assert api.get(f"/webhook/{webhook['id']}").json()["data"]["failingSinceTimestamp"]
    due_now(api)
    run(made)
    assert "redirects" in log(api, webhook)[0]["error"]
    due_now(api)
    run(made)
    (row,) = log(api, webhook)
    assert (row["state"], row["attempts"], row["status"]) == ("delivered", 3, 200)
    assert len({headers["Assay-Delivery"] for headers, _ in hook.heard}) == 1
    assert "failingSinceTimestamp" not in api.get(f"/webhook/{webhook['id']}").json()["data"]


def test_a_crash_while_it_is_sent_loses_nothing(
    api: Api, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhook = subscribe(api, hook, "job.*")
    finish(api)
    made = courier(api)
    with monkeypatch.context() as patched:
        patched.setattr(Courier, "_note", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            run(made)
    run(courier(api))
    assert len(hook.heard) == 1
    due_now(api)
    run(courier(api))
    assert len(hook.heard) == 2
    assert log(api, webhook)[0]["state"] == "delivered"


def test_who_never_takes_anything_is_switched_off(api: Api, hook: Hook) -> None:
    webhook = subscribe(api, hook, "job.*")
    finish(api)
    made = courier(api, webhook_patience=3600)
    hook.answers = [500, 500]
    run(made)
    long_ago(api)
    run(made)
    shown = api.get(f"/webhook/{webhook['id']}").json()["data"]
    assert not shown["active"]
    assert "no delivery was taken" in shown["disabledReason"]
    assert log(api, webhook)[0]["state"] == "failed"
    finish(api, b"nobody hears of this")
    run(made)
    heard = len(hook.heard)
    assert api.put(f"/webhook/{webhook['id']}", {"active": True}).json()["data"]["active"]
    hook.answers = []
    finish(api, b"of this again")
    run(made)
    assert len(hook.heard) == heard + 1
    again = api.post(f"/webhook/{webhook['id']}/delivery/{log(api, webhook)[-1]['id']}/again")
    assert again.json()["data"]["state"] == "pending"
    run(made)
    assert len(hook.heard) == heard + 2


def test_an_end_does_not_wait_for_an_answer(api: Api, hook: Hook) -> None:
    webhook = subscribe(api, hook, "job.*")
    finish(api)
    hook.trickles = True
    closing = threading.Event()
    thread = threading.Thread(target=courier(api).run, args=(closing,))
    thread.start()
    assert hook.called.wait(60)
    began = time.monotonic()
    closing.set()
    thread.join(60)
    assert time.monotonic() - began < sending.PATIENCE
    (row,) = log(api, webhook)
    assert (row["state"], row["attempts"], row.get("error")) == ("pending", 1, None)


def test_one_is_told_only_what_one_may_see(api: Api, hook: Hook) -> None:
    key = api.key(Role.user, "other")
    webhook = subscribe(api, hook, "job.done", key=key)
    everybody = subscribe(api, hook, "job.done", role=Role.administrator)
    mine, shared = finish(api), finish(api, b"shared", acl=["other-user"])
    run(courier(api))
    told = [json.loads(body)["job"] for _, body in hook.heard]
    assert sorted(told) == sorted([mine, shared, shared])
    assert api.get(f"/webhook/{everybody['id']}", key=key).status_code == 403
    assert api.get("/webhook", key=key).json()["count"] == 1
    with api.begin() as uow:
        access.revoke_key(uow, "other-user")
    finish(api, b"more")
    run(courier(api))
    shown = api.get(f"/webhook/{webhook['id']}", role=Role.administrator).json()["data"]
    assert (shown["active"], "no key" in shown["disabledReason"]) == (False, True)


def test_a_ping_and_a_removal(api: Api, hook: Hook) -> None:
    webhook = subscribe(api, hook, "job.*")
    assert api.post(f"/webhook/{webhook['id']}/ping").status_code == 200
    run(courier(api))
    assert json.loads(hook.heard[0][1])["event"] == "ping"
    assert api.delete(f"/webhook/{webhook['id']}").status_code == 200
    assert api.get(f"/webhook/{webhook['id']}").status_code == 404
    with api.begin(write=False) as uow:
        assert uow.session.query(Webhook).count() == uow.session.query(WebhookDelivery).count() == 0


def test_a_wrong_webhook_is_refused(api: Api) -> None:
    for url in ("ftp://x/", "http://", "https://u:p@x/", "http://x y/", "file:///etc/passwd", "http://x/#f"):
        answer = api.post("/webhook", {"url": url})
        assert (answer.status_code, answer.json()["messages"][0]["field"]) == (412, "url"), url
    answer = api.post("/webhook", {"url": "https://example.org/", "events": ["job.gone"]})
    assert answer.json()["messages"][0]["field"] == "events"
    assert api.post("/webhook", {"url": "https://example.org/"}, role=Role.viewer).status_code == 403


INSIDE = [
    *("127.0.0.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"),
    *("224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1%eth0", "fd00::1", "fc00::1", "ff02::1"),
    *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "2002:7f00:1::1"),
]


@pytest.mark.parametrize("address", sorted(INSIDE))
def test_inner_addresses_are_never_told(address: str) -> None:
    with pytest.raises(Forbidden):
        check(address, ())
    check(address, (ip_network("0.0.0.0/0"), ip_network("::/0")))


def test_outer_addresses_and_allowed_networks() -> None:
    check("8.8.8.8", ())
    check("2606:4700::1111", ())
    check("::ffff:10.1.1.1", networks("10.0.0.0/8, fd00::/8"))
    assert split("https://[2606:4700::1111]/x?y") == ("https", "2606:4700::1111", 443, "/x?y")
    with pytest.raises(ValueError, match="nonsense"):
        networks("nonsense")


def letter(url: str) -> Letter:
    return Letter(uuid4(), UUID(int=1), url, "secret", "ping", b"{}")


def test_a_name_is_looked_up_once_and_the_connection_goes_where_it_was_checked(hook: Hook) -> None:
    asked: list[str] = []

    async def resolve(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    url = f"http://rebinding.example:{hook.port}/"
    assert asyncio.run(Sender(LOOPBACK, resolve).send(letter(url))).taken
    assert hook.heard[0][0]["Host"] == f"rebinding.example:{hook.port}"
    assert asked == ["rebinding.example"]


def test_one_inner_address_among_outer_ones_is_enough_to_refuse(hook: Hook) -> None:
    async def resolve(_host: str, _port: int) -> list[str]:
        return ["8.8.8.8", "127.0.0.1"]

    attempt = asyncio.run(Sender((), resolve).send(letter(f"http://mixed.example:{hook.port}/")))
    assert (attempt.taken, attempt.error) == (False, "not sent: 127.0.0.1 is not a public address")
    assert not hook.heard


def test_an_answer_that_does_not_end_is_not_waited_for(hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "PATIENCE", 0.5)
    hook.trickles = True
    attempt = asyncio.run(Sender(LOOPBACK).send(letter(hook.url)))
    assert (attempt.taken, attempt.error) == (False, "no answer within 0 s")
