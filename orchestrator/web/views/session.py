"""Signing in with an API key, and out."""

from __future__ import annotations

import re

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from orchestrator.errors import TooMany, Unauthenticated
from orchestrator.services import sessions
from orchestrator.services.guesses import Guesses
from orchestrator.web.rendering import chosen, page
from orchestrator.web.security import (
    FORM_COOKIE,
    HOME,
    PREFIX,
    SESSION_COOKIE,
    SIGN_IN,
    App,
    FormDep,
    csrf_of,
    new_secret,
    set_cookie,
)

router = APIRouter()

#: How long the form to sign in is good, in seconds.
_FORM_LIFETIME = 3600

#: A place of ours to go on to: never one that a browser takes for another host.
_NEXT = re.compile(rf"{PREFIX}/[A-Za-z0-9/_.~%?&=+,:-]*")


def _next(value: str) -> str:
    return value if _NEXT.fullmatch(value) else HOME


@router.get("/sign-in")
def ask(request: Request, next: str = "") -> Response:  # noqa: A002 - the name in the address
    return _ask(request, next, "", 200)


def _ask(request: Request, target: str, problem: str, status: int) -> Response:
    secret = request.cookies.get(FORM_COOKIE) or new_secret()
    context = {"csrf": csrf_of(secret), "next": _next(target), "problem": problem}
    response = page(request, None, "sign_in.html", status=status, **context)
    set_cookie(request, response, FORM_COOKIE, secret, _FORM_LIFETIME)
    return response


@router.post("/sign-in")
def sign_in(request: Request, app: App, form: FormDep) -> Response:
    """Exchange the key for a session; the key itself is not kept in the browser."""
    target, key = chosen(form.get("next", [])), chosen(form.get("key", []))
    guesses: Guesses = request.app.state.guesses
    address = request.client.host if request.client else ""
    try:
        guesses.check(address, key)
        with app.begin() as uow:
            token, request.state.caller = sessions.sign_in(uow, key)
    except TooMany as error:
        text = f"Too many wrong keys. Try again in {error.retry_after} seconds."
        answer = _ask(request, target, text, 429)
        answer.headers["Retry-After"] = str(error.retry_after)
        return answer
    except Unauthenticated:
        guesses.wrong(address, key)
        return _ask(request, target, "This key is unknown, revoked or expired.", 401)
    response = RedirectResponse(_next(target), 303)
    set_cookie(request, response, SESSION_COOKIE, token, int(sessions.LIFETIME.total_seconds()))
    response.delete_cookie(FORM_COOKIE, path=PREFIX)
    return response


@router.post("/sign-out")
def sign_out(request: Request, app: App) -> Response:
    with app.begin() as uow:
        sessions.sign_out(uow, request.cookies.get(SESSION_COOKIE, ""))
    response = RedirectResponse(SIGN_IN, 303)
    response.delete_cookie(SESSION_COOKIE, path=PREFIX)
    return response
