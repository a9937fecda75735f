"""The last while at a glance, and the list of jobs."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from orchestrator.domain.clock import now
from orchestrator.domain.moments import parse_moment
from orchestrator.domain.vocabulary import JobState, Role
from orchestrator.errors import Invalid
from orchestrator.services import overview
from orchestrator.web import plots
from orchestrator.web.rendering import page
from orchestrator.web.security import App, VisitorDep

router = APIRouter()

_SPANS = {"1h": timedelta(hours=1), "24h": timedelta(days=1), "7d": timedelta(days=7)}
_BUCKETS = {"1h": 30, "24h": 48, "7d": 42}
_PAGE = 50
_SLOWEST = 8


@router.get("/dashboard")
def dashboard(
    request: Request, visitor: VisitorDep, app: App, span: Literal["1h", "24h", "7d"] = "24h"
) -> Response:
    visitor.caller.need(Role.viewer)
    with app.begin(write=False) as uow:
        board = overview.dashboard(uow, app.settings, visitor.caller, _SPANS[span], _BUCKETS[span])
        recent = overview.list_jobs(uow, visitor.caller, 8)
    slow = sorted((line for line in board.workers if line.ran), key=lambda line: -(line.median_ms or 0))
    return page(
        request,
        visitor,
        "dashboard.html",
        board=board,
        recent=recent,
        span=span,
        spans=list(_SPANS),
        throughput=plots.bars(board.throughput, ("submitted", "ended"), stacked=False),
        waiting=plots.bars(board.waiting, ("median", "95th percentile"), stacked=False, unit=" ms"),
        verdicts=plots.bars(
            board.verdicts, ("malicious", "suspicious", "low or nothing found"), stacked=True
        ),
        slow=slow[:_SLOWEST],
    )


@router.get("/jobs")
def jobs(
    request: Request,
    visitor: VisitorDep,
    app: App,
    state: Literal["", "enqueued", "executing", "done", "timeout"] = "",
    before: Annotated[str, Query(max_length=40)] = "",
) -> Response:
    """The newest jobs; older ones a page further."""
    visitor.caller.need(Role.viewer)
    with app.begin(write=False) as uow:
        lines = overview.list_jobs(
            uow, visitor.caller, _PAGE + 1, JobState(state) if state else None, _moment(before)
        )
    more = str(int(lines[_PAGE - 1].job.enqueued_at.timestamp() * 1000)) if len(lines) > _PAGE else ""
    return page(request, visitor, "jobs.html", lines=lines[:_PAGE], state=state, more=more)


def _moment(text: str) -> datetime | None:
    try:
        return parse_moment(text, now()) if text else None
    except ValueError as error:
        raise Invalid("before", str(error)) from None
