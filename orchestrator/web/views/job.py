"""A job and its job tasks, live."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

from fastapi import APIRouter, Request
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from orchestrator.domain.clock import now
from orchestrator.domain.paging import Page, SortKey
from orchestrator.domain.vocabulary import JobState, Role
from orchestrator.errors import AssayError
from orchestrator.services import jobs, overview
from orchestrator.services.application import Application
from orchestrator.web import timeline
from orchestrator.web.rendering import fragment, page
from orchestrator.web.security import PREFIX, App, Visitor, VisitorDep, visitor

router = APIRouter(prefix="/job/{job_id}")

_POLL = 1.0
_CLOSED = (JobState.done, JobState.timeout)
_ALL = Page(1000, sort=(SortKey("worker"),))


def _context(app: Application, visitor: Visitor, job_id: UUID) -> dict[str, object]:
    """What a job's page shows, as of now."""
    visitor.caller.need(Role.viewer)
    with app.begin(write=False) as uow:
        view = jobs.get_job(uow, visitor.caller, job_id)
        rows = jobs.list_job_tasks(uow, visitor.caller, job_id, _ALL)
        history = jobs.history(uow, visitor.caller, job_id)
        line = overview.job_line(uow, visitor.caller, job_id)
    drawn = timeline.draw(view, rows.items, history, now())
    closed = view.job.state in _CLOSED
    return {"view": view, "line": line, "timeline": drawn, "closed": closed, "visitor": visitor}


@router.get("")
def show(request: Request, visitor: VisitorDep, app: App, job_id: UUID) -> Response:
    context = _context(app, visitor, job_id)
    return page(request, name="job.html", **context)  # type: ignore[arg-type]


@router.get("/events")
async def events(request: Request, app: App, job_id: UUID) -> Response:
    """The parts of the page that changed, until the job is closed."""
    first = await run_in_threadpool(_fragments, request, app, job_id)
    return EventSourceResponse(_changes(request, app, job_id, first))


def _fragments(request: Request, app: Application, job_id: UUID) -> dict[str, str]:
    context = _context(app, visitor(request, app), job_id)
    parts = {name: fragment(f"job_{name}.html", **context) for name in ("state", "actions", "timeline")}
    return parts | ({"closed": ""} if context["closed"] else {})


async def _changes(
    request: Request, app: Application, job_id: UUID, first: dict[str, str]
) -> AsyncIterator[ServerSentEvent]:
    sent: dict[str, str] = {}
    parts = first
    while True:
        for name, html in parts.items():
            if sent.get(name) != html:
                yield ServerSentEvent(html, event=name)
        if "closed" in parts:
            return
        sent = parts
        await asyncio.sleep(_POLL)
        try:
            parts = await run_in_threadpool(_fragments, request, app, job_id)
        except AssayError:
            # signed out, or the database is away: the browser asks again, and gets the answer
            return


@router.post("/cancel")
def cancel(visitor: VisitorDep, app: App, job_id: UUID) -> Response:
    """Call off what is open."""
    visitor.caller.need(Role.user)
    with app.begin() as uow:
        jobs.cancel(uow, app.dispatch, visitor.caller, job_id)
    return RedirectResponse(f"{PREFIX}/job/{job_id}", 303)


@router.post("/again")
def run_again(visitor: VisitorDep, app: App, job_id: UUID) -> Response:
    """A new job over the same sample."""
    visitor.caller.need(Role.analyzer)
    with app.begin() as uow:
        sha256 = jobs.get_job(uow, visitor.caller, job_id).job.sample_sha256
        fresh = jobs.reanalyse(uow, app.dispatch, app.settings, visitor.caller, sha256)
    return RedirectResponse(f"{PREFIX}/job/{fresh.job.id}", 303)
