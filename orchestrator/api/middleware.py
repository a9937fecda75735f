"""What is done to every request before it reaches a route."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.api.envelope import Message as EnvelopeMessage
from orchestrator.api.envelope import problem


class TrailingSlash:
    """Serve ``/x/`` like ``/x``: a redirect would turn a client's POST into a GET (contract 1.1)."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and len(scope["path"]) > 1 and scope["path"].endswith("/"):
            scope = {**scope, "path": scope["path"].rstrip("/") or "/"}
        await self.app(scope, receive, send)


class _TooLarge(Exception):
    pass


class BodyLimit:
    """Refuse a body over the limit while it streams in, whatever it claims (contract section 4: 412).

    Samples and evidence come as raw bodies and may be ``raw`` bytes long, everything else ``default``.
    """

    def __init__(self, app: ASGIApp, default: int, raw: int) -> None:
        self.app = app
        self.default = default
        self.raw = raw

    def _limit(self, scope: Scope) -> int:
        path: str = scope["path"]
        is_raw = scope["method"] == "POST" and (path.endswith("/sample") or "/evidence" in path)
        return self.raw if is_raw else self.default

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit, seen, started = self._limit(scope), 0, False

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > limit:
                raise _TooLarge
            return message

        async def noted(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, counted, noted)
        except _TooLarge:
            if not started:
                text = f"the body is larger than {limit} bytes"
                message = EnvelopeMessage(
                    type="FIELD_ERROR", message=text, field="body", messageTemplate="body.too.large"
                )
                await problem(412, [message], {"Connection": "close"})(scope, receive, send)
