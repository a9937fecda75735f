"""What is done to every request before it reaches a route."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.api import problems
from orchestrator.api.envelope import JsonResponse
from orchestrator.errors import Invalid, TooSlow


class TrailingSlash:
    """Serve ``/x/`` like ``/x``: a redirect would turn a client's POST into a GET (contract 1.1)."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and len(scope["path"]) > 1 and scope["path"].endswith("/"):
            scope = {**scope, "path": scope["path"].rstrip("/") or "/"}
        await self.app(scope, receive, send)


#: A body that comes slower than this many bytes in a second is not waited for.
_SLOWEST = 1024


class _Cut(ClientDisconnect):
    """The rest of the body is not read."""


class BodyLimit:
    """Refuse a body over the limit while it streams in, whatever it claims (contract section 4: 412).

    Samples and evidence come as raw bodies and may be ``raw`` bytes long, everything else ``default``. One
    that pauses for ``patience`` seconds, or trickles, is answered 408.
    """

    def __init__(self, app: ASGIApp, default: int, raw: int, patience: float) -> None:
        self.app = app
        self.default = default
        self.raw = raw
        self.patience = patience

    def _limit(self, scope: Scope) -> int:
        path: str = scope["path"]
        is_raw = scope["method"] == "POST" and (path.endswith(("/sample", "/file")) or "/evidence" in path)
        return self.raw if is_raw else self.default

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body = _Body(receive, send, self._limit(scope), self.patience)
        with suppress(_Cut):
            await self.app(scope, body.receive, body.send)
        if body.refusal is not None and not body.started:
            await body.refusal(scope, receive, send)


class _Body:
    """One request's body as it comes in, and whether its answer has begun."""

    def __init__(self, receive: Receive, send: Send, limit: int, patience: float) -> None:
        self._receive = receive
        self._send = send
        self._limit = limit
        self._patience = patience
        self._since = asyncio.get_running_loop().time()
        self._seen = 0
        self._whole = False
        self.started = False
        self.refusal: JsonResponse | None = None

    async def receive(self) -> Message:
        if self._whole:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._deadline()):
                message = await self._receive()
        except TimeoutError:
            self.refusal = problems.respond(TooSlow("the body does not arrive: it is not waited for"))
            raise _Cut from None
        self._seen += len(message.get("body", b""))
        self._whole = not message.get("more_body", False)
        if self._seen > self._limit:
            text = f"the body is larger than {self._limit} bytes"
            self.refusal = problems.respond(Invalid("body", text, "body.too.large"))
            self.refusal.headers["Connection"] = "close"
            raise _Cut
        return message

    def _deadline(self) -> float:
        at = asyncio.get_running_loop().time()
        return self._patience + min(at, self._since + self._seen / _SLOWEST)

    async def send(self, message: Message) -> None:
        # what the application makes of a body that was cut off is not the answer
        if self.refusal is None or self.started:
            self.started = True
            await self._send(message)
