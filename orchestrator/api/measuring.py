"""Counts the requests, and how long each waits for its answer."""

from __future__ import annotations

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.services.metrics import Metrics


class Measuring:
    """ASGI middleware around everything else.

    The time ends where the answer begins: how long a stream goes on says nothing of the service.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start, answered = time.perf_counter(), False

        async def noted(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                answered = True
                self._metrics.request(scope["method"], message["status"], time.perf_counter() - start)
            await send(message)

        try:
            await self.app(scope, receive, noted)
        except Exception:
            # the answer to this is sent further out, as a 500
            if not answered:
                self._metrics.request(scope["method"], 500, time.perf_counter() - start)
            raise
