"""The pages as an application of their own, so that its errors are pages and the API's stay envelopes."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import structlog
from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from orchestrator.errors import (
    AssayError,
    Denied,
    Invalid,
    NotFound,
    Refused,
    TooMany,
    Unauthenticated,
    Unavailable,
)
from orchestrator.services.application import Application
from orchestrator.services.guesses import Guesses
from orchestrator.web import rendering
from orchestrator.web.security import HOME, PREFIX, SIGN_IN, SecurityHeaders, protect
from orchestrator.web.views import ROUTERS

log = structlog.get_logger()

#: So many wrong keys a minute may be typed in.
_SIGN_INS = 10

_STATUS: dict[type[AssayError], int] = {
    Unauthenticated: 401,
    Denied: 403,
    NotFound: 404,
    Invalid: 422,
    Refused: 409,
    TooMany: 429,
    Unavailable: 503,
}


def routes(application: Application) -> list[Mount | Route]:
    """The pages under their prefix, and the way there from the root."""
    return [
        Route("/", lambda _request: RedirectResponse(HOME)),
        Route(PREFIX, lambda _request: RedirectResponse(HOME)),
        Mount(PREFIX, SecurityHeaders(make_web(application))),
    ]


def make_web(application: Application) -> FastAPI:
    """The pages over the given stores."""
    web = FastAPI(
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        dependencies=[Depends(protect)],
        redirect_slashes=False,
    )
    web.state.application = application
    web.state.guesses = Guesses(min(_SIGN_INS, application.settings.key_failures_per_minute))
    for router in ROUTERS:
        web.include_router(router)
    web.mount("/static", StaticFiles(directory=Path(__file__).with_name("static")))
    web.add_exception_handler(AssayError, _own)
    web.add_exception_handler(RequestValidationError, _unreadable)
    web.add_exception_handler(HTTPException, _http)
    web.add_exception_handler(ClientDisconnect, _gone)
    web.add_exception_handler(Exception, _unforeseen)
    return web


def _own(request: Request, error: Exception) -> Response:
    status = next((_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS), 500)
    if isinstance(error, Unauthenticated) and _wants_page(request):
        return RedirectResponse(f"{SIGN_IN}?next={quote(_here(request))}", 303)
    text = f"{error.field}: {error}" if isinstance(error, Invalid) else str(error)
    answer = _answer(request, status, text)
    if isinstance(error, Unavailable | TooMany):
        answer.headers["Retry-After"] = str(error.retry_after)
    return answer


def _here(request: Request) -> str:
    """Where to go on after signing in: only a page that was asked for, not what was sent to it."""
    if request.method != "GET":
        return HOME
    return f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path


def _wants_page(request: Request) -> bool:
    return "application/json" not in request.headers.get("accept", "")


def _unreadable(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place, *path = first["loc"]
    if place == "path":
        return _answer(request, 404, "There is no such page.")
    return _answer(request, 422, f"{'.'.join(map(str, path))}: {first['msg']}")


def _http(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return _answer(request, status, "There is no such page." if status == 404 else "This cannot be done.")  # noqa: PLR2004


def _gone(request: Request, _error: Exception) -> Response:
    return _answer(request, 400, "The upload ended early.")


def _unforeseen(request: Request, error: Exception) -> Response:
    log.error("page failed", action="web.error", path=request.url.path, exc_info=error)
    return _answer(request, 500, "Something went wrong here; the service's log says what.")


def _answer(request: Request, status: int, text: str) -> Response:
    if not _wants_page(request):
        return JSONResponse({"error": text}, status)
    return rendering.page(request, None, "error.html", status=status, code=status, text=text)
