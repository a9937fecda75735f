"""The metrics, for Prometheus. They need no key, as the scrapers of an operator's network have none."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse
from starlette.responses import Response

from orchestrator.services.metrics import Metrics

router = APIRouter(tags=["service"])


@router.get("/metrics", operation_id="metrics", response_class=PlainTextResponse)
def scrape(request: Request) -> Response:
    """Open work, worker processes and requests, in Prometheus' own format."""
    metrics: Metrics = request.app.state.metrics
    body, content_type = metrics.exposition(request.headers.get("accept", ""))
    return Response(body, headers={"Content-Type": content_type})
