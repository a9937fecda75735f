"""The envelope around every JSON answer (contract section 1.3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

import orjson
from pydantic import BaseModel
from starlette.responses import Response

from orchestrator.domain.paging import Found

T = TypeVar("T")
Row = TypeVar("Row")


class Message(BaseModel):
    """One message of an answer. The official client reads ``type``, ``message`` and ``field``."""

    type: str
    message: str
    messageTemplate: str = ""
    field: str | None = None
    parameter: str | None = None


class Envelope(BaseModel, Generic[T]):
    """What a single object comes in; for the OpenAPI page, the answers are built by :func:`single`."""

    responseCode: int = 200
    limit: int = 0
    offset: int = 0
    count: int = 0
    size: int = 0
    metaData: dict[str, Any] = {}
    messages: list[Message] = []
    data: T | None = None


class ListEnvelope(Envelope[list[T]], Generic[T]):
    """What a list comes in; ``count`` is the total, ``size`` that of this page."""


class JsonResponse(Response):
    """JSON through orjson; models are dumped with their wire names, unset fields left out."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return orjson.dumps(content, default=_plain, option=orjson.OPT_NON_STR_KEYS)


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(by_alias=True, exclude_none=True)
    return str(value)


def enveloped(
    data: Any,
    status: int = 200,
    *,
    page: tuple[int, int] = (0, 0),
    count: int = 0,
    size: int = 0,
    meta: Mapping[str, Any] | None = None,
    messages: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """The envelope's one shape. ``page`` is the effective limit and offset; single objects have zeros."""
    limit, offset = page
    return {
        "responseCode": status,
        "limit": limit,
        "offset": offset,
        "count": count,
        "size": size,
        "metaData": meta or {},
        "messages": list(messages),
        "data": data,
    }


def single(data: Any, status: int = 200, *, meta: Mapping[str, Any] | None = None) -> JsonResponse:
    """One object, or None, in the envelope."""
    return JsonResponse(enveloped(data, status, meta=meta), status_code=status)


def page(found: Found[Row], show: Callable[[Row], Any]) -> JsonResponse:
    """A page of a list in the envelope, each row as ``show`` makes it."""
    data: Sequence[Any] = [show(item) for item in found.items]
    asked = (found.page.limit, found.page.offset)
    return JsonResponse(enveloped(data, page=asked, count=found.count, size=len(data)))


def problem(
    status: int, messages: Sequence[Message], headers: Mapping[str, str] | None = None
) -> JsonResponse:
    """An error in the envelope."""
    shown = [message.model_dump(exclude_none=True) for message in messages]
    return JsonResponse(
        enveloped(None, status, messages=shown), status_code=status, headers=dict(headers or {})
    )
