"""Hands every call that changes something to the audit log, the API's and the pages' alike."""

from __future__ import annotations

import re
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.domain.caller import Caller
from orchestrator.services.audit import AuditTrail

_CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
#: Questions that are long enough to be posted; what remote workers ask all the time, and the history tells.
_ASKING = ("/search", "/statistics", "/heartbeat", "/claim")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:\-]{1,64}")


class Auditing:
    """ASGI middleware right around the routes: who called is known only there.

    A call whose key is unknown is nobody's, and stands in no audit log. The answer carries the id under
    which the call was recorded, the client's own where it sent one in ``X-Request-ID``.
    """

    def __init__(self, app: ASGIApp, trail: AuditTrail) -> None:
        self.app = app
        self._trail = trail

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in _CHANGING or scope["path"].endswith(_ASKING):
            await self.app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid4().hex
        status = 500

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-ID"] = request_id
            await send(message)

        try:
            await self.app(scope, receive, noted)
        finally:
            caller: Caller | None = state.get("caller")
            if caller is not None:
                self._trail.add(caller, _action(scope), scope["path"], status, request_id)


def _action(scope: Scope) -> str:
    route = getattr(scope.get("route"), "path", "")
    inner: str = scope.get("root_path", "") + route
    return f"{scope['method']} {inner or '?'}"
