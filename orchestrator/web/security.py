"""Who visits the pages, and what keeps others from acting in the visitor's name."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import parse_qs

from fastapi import Depends, Request
from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.domain.caller import Caller
from orchestrator.errors import Denied, Invalid, Unauthenticated
from orchestrator.services import sessions
from orchestrator.services.application import Application

#: Where the pages live.
PREFIX = "/ui"
SIGN_IN = f"{PREFIX}/sign-in"
HOME = f"{PREFIX}/dashboard"
#: The cookie of whoever is signed in, and that of whoever is about to.
SESSION_COOKIE = "assay_session"
FORM_COOKIE = "assay_form"

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_FORM = "application/x-www-form-urlencoded"
_MAX_FORM = 64 * 1024

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class SecurityHeaders:
    """Put the headers on every answer; a download keeps its own, stricter content policy."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        static = scope["path"].startswith(f"{PREFIX}/static/")

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers["Cache-Control"] = "no-cache" if static else "no-store"
            await send(message)

        await self.app(scope, receive, guarded)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who is signed in, and the token that forms of this session carry."""

    caller: Caller
    csrf: str


def application_of(request: Request) -> Application:
    application: Application = request.app.state.application
    return application


App = Annotated[Application, Depends(application_of)]


def csrf_of(secret: str) -> str:
    """The token of a session's forms: only who knows the cookie can make it."""
    return hmac.new(secret.encode(), b"assay form", hashlib.sha256).hexdigest()


def visitor(request: Request, app: App) -> Visitor:
    """Whoever is signed in; :class:`Unauthenticated` where nobody is."""
    token = request.cookies.get(SESSION_COOKIE, "")
    with app.begin(write=False) as uow:
        caller = sessions.caller_of(uow, token)
    # for the audit log
    request.state.caller = caller
    return Visitor(caller, csrf_of(token))


VisitorDep = Annotated[Visitor, Depends(visitor)]


async def protect(request: Request) -> None:
    """Let a request that changes something pass only with the token of its own session."""
    request.state.form = {}
    if request.method in _SAFE:
        return
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        raise Denied("this request comes from another site")
    given = request.headers.get("x-csrf-token", "")
    if request.headers.get("content-type", "").startswith(_FORM):
        request.state.form = await _read_form(request)
        given = given or request.state.form.get("csrf", [""])[0]
    signing_in = request.url.path == SIGN_IN
    secret = request.cookies.get(FORM_COOKIE if signing_in else SESSION_COOKIE, "")
    if not secret and not signing_in:
        raise Unauthenticated("nobody is signed in")
    if not secret or not hmac.compare_digest(given.encode(), csrf_of(secret).encode()):
        raise Denied("the form has expired: go back, reload the page and try again")


async def _read_form(request: Request) -> dict[str, list[str]]:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_FORM:
            raise Invalid("body", "the form is too large")
    try:
        return parse_qs(body.decode(), max_num_fields=200)
    except ValueError:
        raise Invalid("body", "the form cannot be read") from None


def _form(request: Request) -> dict[str, list[str]]:
    form: dict[str, list[str]] = request.state.form
    return form


#: The fields of a form that was posted.
FormDep = Annotated[dict[str, list[str]], Depends(_form)]


def set_cookie(request: Request, response: Response, name: str, value: str, seconds: int) -> None:
    """A cookie that scripts cannot read and that other sites' requests do not carry."""
    response.set_cookie(
        name,
        value,
        max_age=seconds,
        path=PREFIX,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )


def new_secret() -> str:
    return secrets.token_urlsafe(32)
