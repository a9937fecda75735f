"""What HTTP makes of an error: the one place that knows both (contract section 1.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from orchestrator.api.envelope import JsonResponse, Message, problem
from orchestrator.errors import (
    AssayError,
    Denied,
    Invalid,
    NotFound,
    Refused,
    TooMany,
    TooSlow,
    TooSmall,
    Unauthenticated,
    Unavailable,
)
from orchestrator.store.unit_of_work import is_outage

log = structlog.get_logger()

_ACTION = "ACTION_ERROR"
_FIELD = "FIELD_ERROR"


#: status and message template of each error; a subclass is found by its nearest ancestor
_TABLE: dict[type[AssayError], tuple[int, str]] = {
    Unauthenticated: (401, "user.not.authenticated"),
    Denied: (403, "access.denied"),
    NotFound: (404, "object.not.found"),
    Refused: (412, "illegal.state"),
    TooSmall: (422, "sample.too.small"),
    TooMany: (429, "too.many.attempts"),
    TooSlow: (408, "body.too.slow"),
    Unavailable: (503, "service.unavailable"),
}


def respond(error: AssayError) -> JsonResponse:
    """The answer for one of Assay's own errors."""
    if isinstance(error, Invalid):
        message = Message(type=_FIELD, message=str(error), messageTemplate=error.template, field=error.field)
        return problem(412, [message])
    for kind in type(error).__mro__:
        if kind in _TABLE:
            status, template = _TABLE[kind]
            message = Message(type=_ACTION, message=str(error), messageTemplate=template)
            if isinstance(error, NotFound):
                message.parameter = error.key
            return problem(status, [message], _headers(error))
    return problem(500, [Message(type=_ACTION, message="internal error", messageTemplate="internal.error")])


def _headers(error: AssayError) -> dict[str, str]:
    if isinstance(error, TooSlow):
        return {"Connection": "close"}
    return {"Retry-After": str(error.retry_after)} if isinstance(error, Unavailable | TooMany) else {}


def field_messages(errors: Sequence[Any]) -> list[Message]:
    """One message per field that pydantic refused."""
    return [_field_message(error) for error in errors] or [
        Message(type=_FIELD, message="invalid request", field="body", messageTemplate="invalid.request")
    ]


def _field_message(error: Any) -> Message:
    place, *path = error["loc"] or ("body",)
    kind = str(error["type"])
    if kind == "json_invalid":
        return Message(
            type=_FIELD, field="body", message="the body is not valid JSON", messageTemplate="invalid.json"
        )
    if place == "path":
        template = "invalid.url.parameter"
    elif kind.endswith(("_type", "_parsing")):
        template = "invalid.json.field.type"
    else:
        template = "invalid.json.field.value"
    field = ".".join(str(part) for part in path) or str(place)
    message = error["msg"].removeprefix("Value error, ")
    return Message(type=_FIELD, field=field, message=message, messageTemplate=template)


def install(app: FastAPI) -> None:
    """Answer every error, foreseen or not, in the envelope."""

    @app.exception_handler(AssayError)
    def _own(_request: Request, error: AssayError) -> JsonResponse:
        return respond(error)

    @app.exception_handler(RequestValidationError)
    def _request(_request: Request, error: RequestValidationError) -> JsonResponse:
        return problem(412, field_messages(error.errors()))

    @app.exception_handler(ValidationError)
    def _model(_request: Request, error: ValidationError) -> JsonResponse:
        return problem(
            412, field_messages([{**each, "loc": ("body", *each["loc"])} for each in error.errors()])
        )

    @app.exception_handler(HTTPException)
    def _http(request: Request, error: HTTPException) -> JsonResponse:
        if error.status_code == 400:  # noqa: PLR2004 - FastAPI could not even decode the body
            return problem(412, field_messages([{"loc": ("body",), "type": "json_invalid", "msg": ""}]))
        template = "url.not.exist" if error.status_code == 404 else "http.error"  # noqa: PLR2004
        text = f"{request.url.path}: {error.detail}"
        return problem(
            error.status_code, [Message(type=_ACTION, message=text, messageTemplate=template)], error.headers
        )

    @app.exception_handler(ClientDisconnect)
    def _gone(_request: Request, _error: ClientDisconnect) -> JsonResponse:
        return problem(
            400, [Message(type=_ACTION, message="the body ended early", messageTemplate="body.incomplete")]
        )

    @app.exception_handler(Exception)
    def _unforeseen(request: Request, error: Exception) -> JsonResponse:
        if is_outage(error):
            return respond(Unavailable("the database cannot serve now"))
        log.error("request failed", action="http.error", path=request.url.path, exc_info=error)
        return respond(AssayError())
