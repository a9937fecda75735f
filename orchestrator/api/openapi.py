"""The OpenAPI file: what FastAPI knows of the routes, and what it does not: keys and refusals."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

_SCHEME = "ApiKeyScheme"
_REFUSALS = {
    "401": "no API key, or none that is known",
    "403": "the key does not grant this function or object",
    "404": "no such object",
    "412": "a value breaks a rule, or the object's state forbids the action",
    "429": "too many wrong API keys came from there",
    "503": "a part that the service depends on cannot serve now",
}
_TOO_SMALL = "the sample is too small to ask about"
#: operations that need no key
_OPEN = {"health", "ready", "metrics"}


def install(app: FastAPI) -> None:
    """Serve this description of the application at ``/openapi.json`` and ``/docs``."""

    def describe() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _describe(app)
        return app.openapi_schema

    app.openapi = describe  # type: ignore[method-assign]


def _describe(app: FastAPI) -> dict[str, Any]:
    file = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
        tags=app.openapi_tags,
    )
    schemas = file["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Refusal"] = _refusal()
    file["components"]["securitySchemes"] = {
        _SCHEME: {"type": "apiKey", "in": "header", "name": "Argus-API-Key"}
    }
    for path, operations in file["paths"].items():
        for operation in operations.values():
            _complete(operation, path)
    return file


def _complete(operation: dict[str, Any], path: str) -> None:
    responses = operation["responses"]
    responses.pop("422", None)
    if operation.get("operationId") not in _OPEN:
        operation["security"] = [{_SCHEME: []}]
        refusals = {status: text for status, text in _REFUSALS.items() if status != "404" or "{" in path}
        if path.endswith("/challenge"):
            refusals["422"] = _TOO_SMALL
        responses.update({status: _answer(text) for status, text in refusals.items()})


def _answer(description: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Refusal"}
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _refusal() -> dict[str, Any]:
    return {
        "title": "Refusal",
        "description": "The envelope of an error: why is in its messages, and there is no data.",
        "type": "object",
        "properties": {
            "responseCode": {"type": "integer"},
            "messages": {"type": "array", "items": {"$ref": "#/components/schemas/Message"}},
        },
        "required": ["responseCode", "messages"],
    }
