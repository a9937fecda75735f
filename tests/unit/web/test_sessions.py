"""Signing in, signing out, and what no other site can do in somebody's name."""

from __future__ import annotations

import shutil
from uuid import UUID

import pytest

from orchestrator.domain.vocabulary import Role
from orchestrator.services import access
from orchestrator.web.views import ROUTERS
from tests.unit.web.browsing import Visit


@pytest.fixture
def database_url(sqlite_template, tmp_path):
    """One backend is enough: what is asked of the store is three statements."""
    path = tmp_path / "assay.sqlite3"
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


PAGES = ("/dashboard", "/jobs", "/search", "/workers", "/submit")


@pytest.mark.parametrize("path", PAGES)
def test_whoever_is_not_signed_in_is_asked_to(house, path):
    """Every page leads to the form, which leads back."""
    answer = Visit(house, None).get(path)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/ui/sign-in?next=/ui{path}"


def test_a_good_key_opens_the_page_that_was_asked_for(house):
    """The cookie is a session of its own, not the key, and scripts and other sites do not get it."""
    visit = Visit(house, None)
    key = house.keys[Role.viewer]
    answer = visit.sign_in(key, "/ui/search?q=a")
    assert answer.headers["location"] == "/ui/search?q=a"
    cookie = next(each for each in answer.headers.get_list("set-cookie") if each.startswith("assay_session="))
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Path=/ui" in cookie
    assert key not in cookie
    assert visit.get("/search").status_code == 200


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example/", "/ui/\\evil", "/ui/../x\r\nA: b", "/"]
)
def test_signing_in_never_leads_to_another_site(house, target):
    """Only a page of ours is gone on to."""
    answer = Visit(house, None).sign_in(house.keys[Role.viewer], target)
    assert answer.headers["location"] == "/ui/dashboard"


def test_a_wrong_key_is_refused(house):
    """And the form says so."""
    answer = Visit(house, None).sign_in("wrong")
    assert answer.status_code == 401
    assert "unknown, revoked or expired" in answer.text


def test_signing_out_ends_the_session(house, visit):
    """The old cookie opens nothing any more."""
    token = visit.client.cookies["assay_session"]
    assert visit.act("/sign-out").status_code == 303
    visit.client.cookies.set("assay_session", token, path="/ui")
    assert visit.get("/dashboard").status_code == 303


def test_a_revoked_key_ends_its_sessions(house, visit):
    """A session is good while its key is."""
    with house.begin() as uow:
        access.revoke_key(uow, "default-analyzer")
    assert visit.get("/dashboard").status_code == 303


def test_a_form_without_its_token_is_refused(house, visit):
    """Neither without, nor with another session's token."""
    other = Visit(house, Role.analyzer)
    for form in ({}, {"csrf": ""}, {"csrf": other.csrf}, {"csrf": "é"}):
        assert visit.post("/sign-out", form).status_code == 403
        assert visit.post("/sign-in", {**form, "key": house.keys[Role.viewer]}).status_code == 403
    assert visit.get("/dashboard").status_code == 200


def test_an_upload_without_the_token_is_refused(house, visit):
    """A raw body needs it as a header."""
    visit.csrf = "0" * 64
    assert visit.upload(b"x").status_code == 403


def test_a_request_from_another_site_is_refused(visit):
    """Whatever it knows."""
    answer = visit.client.post(
        "/ui/sign-out", data={"csrf": visit.csrf}, headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert answer.status_code == 403


@pytest.mark.parametrize("path", [*PAGES, "/sign-in", "/nothing", "/static/app.js", "/job/x"])
def test_every_answer_carries_the_security_headers(visit, path):
    """Pages, errors and files alike; nothing inline may run."""
    headers = visit.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cache-control"] == ("no-cache" if path.startswith("/static") else "no-store")


@pytest.mark.parametrize("path", PAGES)
def test_pages_have_no_inline_script_or_style(visit, path):
    """Which the policy would block."""
    html = visit.get(path).text
    assert "style=" not in html
    assert "<style" not in html
    assert " onclick" not in html
    assert "<script>" not in html


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        (Role.viewer, {"/dashboard", "/jobs", "/search", "/workers"}),
        (Role.uploader, {"/submit"}),
        (Role.user, set(PAGES)),
        (Role.administrator, set(PAGES)),
    ],
)
def test_roles_open_their_pages_alone(house, role, allowed):
    """What the key does not grant, the pages do not show."""
    visit = Visit(house, role)
    assert {path for path in PAGES if visit.get(path).status_code == 200} == allowed
    assert all(visit.get(path).status_code == 403 for path in set(PAGES) - allowed)


def test_the_root_leads_to_the_dashboard(visit):
    """With or without the prefix."""
    for path in ("/", "/ui"):
        assert visit.client.get(path).headers["location"] == "/ui/dashboard"


def test_guessing_keys_is_soon_refused(house):
    """Even a good key from there, for a while; whoever is signed in stays so."""
    inside = Visit(house, Role.viewer)
    guesser = Visit(house, None)
    answers = [guesser.sign_in(f"{index:08}-guess").status_code for index in range(11)]
    assert answers == [401] * 10 + [429]
    refused = guesser.sign_in(house.keys[Role.viewer])
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["retry-after"]) <= 61
    assert "Too many wrong keys" in refused.text
    assert inside.client.app is not guesser.client.app
    assert inside.get("/dashboard").status_code == 200


def test_signing_in_gives_a_session_that_nobody_knew(house):
    """A session that was put into the browser before is neither used nor kept."""
    visit = Visit(house, None)
    planted = "planted-by-somebody-else"
    visit.client.cookies.set("assay_session", planted, path="/ui")
    answer = visit.sign_in(house.keys[Role.viewer])
    cookie = next(each for each in answer.headers.get_list("set-cookie") if each.startswith("assay_session="))
    assert planted not in cookie
    stranger = Visit(house, None)
    stranger.client.cookies.set("assay_session", planted, path="/ui")
    assert stranger.get("/dashboard").status_code == 303


def test_cookies_go_over_https_alone_where_the_page_did(house):
    """On a plain local address they could not come back."""
    visit = Visit(house, None)
    assert "secure" not in visit.get("/sign-in").headers["set-cookie"].lower()
    visit.client.base_url = "https://assay.example"
    assert "secure" in visit.get("/sign-in").headers["set-cookie"].lower()


CHANGING = sorted(
    route.path for router in ROUTERS for route in router.routes if route.methods & {"POST", "PUT", "DELETE"}
)


def test_there_are_changing_routes():
    """The list below is not empty."""
    assert len(CHANGING) >= 6


@pytest.mark.parametrize("path", CHANGING)
def test_every_changing_route_wants_the_token(house, path):
    """Before it looks at anything else."""
    visit = Visit(house, Role.administrator)
    ids = {"sha256": "0" * 64, "job_id": UUID(int=1), "name": "looker", "message_id": UUID(int=1)}
    filled = path.format(**ids)
    assert visit.post(filled, {}).status_code == 403
    assert visit.post(filled, {"csrf": "0" * 64}).status_code == 403
    assert visit.client.post(f"/ui{filled}", json={"csrf": visit.csrf}).status_code == 403
