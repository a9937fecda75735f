"""The audit log: what changes something is recorded, with who did it, and never with what was sent."""

from __future__ import annotations

import threading
from typing import Any
from uuid import UUID

from fastapi.testclient import TestClient
from sqlalchemy import func, select

from orchestrator.api.app import make_app
from orchestrator.domain.caller import Caller
from orchestrator.domain.vocabulary import Role
from orchestrator.errors import Unavailable
from orchestrator.services import audit
from orchestrator.services.audit import AuditTrail
from orchestrator.store.tables import ApiKey, AuditEntry
from orchestrator.web.app import routes
from tests.integration.api import Api
from tests.unit.web.browsing import Visit

ADMIN = Role.administrator


def entries(api: Api, **wanted: Any) -> list[dict[str, Any]]:
    answer = api.get("/audit", role=ADMIN, params=wanted)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


def test_a_change_is_recorded_with_who_and_what(api: Api) -> None:
    sha256 = api.submit(b"audited")["sampleSha256"]
    body = {"key": "secret fact", "value": "v", "userAgent": {"name": "tests", "version": "1"}}
    answer = api.post(f"/sample/{sha256}/fact", body, headers={"X-Request-ID": "mine-1"})
    assert (answer.status_code, answer.headers["x-request-id"]) == (201, "mine-1")
    newest, _submission, upload = entries(api)
    assert upload["action"] == "POST /sampledb/v2/sample"
    with api.begin(write=False) as uow:
        key = uow.session.scalars(select(ApiKey).where(ApiKey.name == "default-analyzer")).one()
    assert {name: newest[name] for name in ("user", "role", "keyId", "status", "requestId")} == {
        "user": "default-analyzer",
        "role": Role.analyzer.value,
        "keyId": str(key.id),
        "status": 201,
        "requestId": "mine-1",
    }
    assert newest["action"] == "POST /sampledb/v2/sample/{sha256}/fact"
    assert newest["object"] == f"/sampledb/v2/sample/{sha256}/fact"
    assert "secret fact" not in str(entries(api))
    assert api.keys[Role.analyzer] not in str(entries(api))


def test_what_was_refused_is_recorded_and_what_only_asks_is_not(api: Api) -> None:
    api.delete(f"/sample/{'0' * 64}", role=Role.viewer)
    api.post("/sample/search", {}, role=Role.viewer)
    api.get("/job", role=Role.viewer)
    api.delete(f"/sample/{'0' * 64}", key="nobody's")
    [only] = entries(api)
    assert (only["status"], only["user"]) == (403, "default-viewer")


def test_what_is_done_on_the_pages_is_recorded_alike(api: Api) -> None:
    app = make_app(api.application)
    app.router.routes.extend(routes(api.application))
    visit = Visit(api, None)
    visit.client = TestClient(app, follow_redirects=False)
    assert visit.sign_in("wrong").status_code == 401
    assert visit.sign_in(api.keys[Role.user]).status_code == 303
    visit.csrf = visit._token(visit.get("/dashboard").text)
    assert visit.act(f"/job/{UUID(int=1)}/cancel").status_code == 404
    app.state.audit.flush()
    cancelled, signed_in = entries(api)
    assert (signed_in["action"], signed_in["user"]) == ("POST /ui/sign-in", "default-user")
    assert cancelled["action"] == "POST /ui/job/{job_id}/cancel"
    assert (cancelled["user"], cancelled["status"]) == ("default-user", 404)
    assert api.keys[Role.user] not in str(entries(api))


def test_an_odd_request_id_is_not_taken_over(api: Api) -> None:
    answer = api.call("POST", "/sample", content=b"x", headers={"X-Request-ID": "a b\x7f" + "c" * 99})
    assert UUID(answer.headers["x-request-id"])


def test_entries_are_found_by_who_what_and_when(api: Api) -> None:
    api.upload(b"one")
    api.upload(b"two", role=Role.uploader)
    api.delete(f"/sample/{'0' * 64}", role=ADMIN)
    assert [each["user"] for each in entries(api, user="default-uploader")] == ["default-uploader"]
    assert [each["user"] for each in entries(api, action="DELETE")] == ["default-administrator"]
    assert len(entries(api, object="0" * 64)) == 1
    assert entries(api, object="0%0") == []
    assert len(entries(api, since="now - 1 hour")) == 3
    assert entries(api, until="now - 1 hour") == []
    page = api.get("/audit", role=ADMIN, params={"limit": 1, "offset": 1}).json()
    assert (page["count"], page["data"][0]["user"]) == (3, "default-uploader")
    assert api.get("/audit", role=Role.analyzer).status_code == 403


def test_what_the_command_line_does_to_the_store_is_in_its_own_transaction(api: Api) -> None:
    with api.begin() as uow:
        audit.note(uow, "key create", "somebody", role="x")
    assert entries(api) == []
    with api.begin() as uow:
        audit.note(uow, "key create", "somebody", role="x")
        uow.commit()
    [only] = entries(api)
    assert (only["action"], only["object"], only["detail"]) == ("key create", "somebody", {"role": "x"})
    assert only["user"].startswith("cli:")
    assert "status" not in only


def test_entries_wait_while_the_database_is_away(api: Api) -> None:
    """They are written once it is back, each once and in order."""
    back = threading.Event()

    def begin(**options: Any) -> Any:
        if not back.is_set():
            raise Unavailable("away")
        return api.begin(**options)

    trail = AuditTrail(begin)
    caller = Caller(user_id=1, user="somebody", customer_id=1, customer="default", role=ADMIN)
    for number in range(3):
        trail.add(caller, "POST /x", f"/x/{number}\x00", 200, "r")
    trail.flush()
    back.set()
    trail.close()
    with api.begin(write=False) as uow:
        assert uow.session.scalar(select(func.count()).select_from(AuditEntry)) == 3
        objects = uow.session.scalars(select(AuditEntry.object).order_by(AuditEntry.id)).all()
    assert objects == [f"/x/{number}\\0" for number in range(3)]
