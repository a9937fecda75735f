"""Workers, their processes and queues, and the messages that nobody could make sense of."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from orchestrator.domain.vocabulary import Role
from orchestrator.services import executing, overview
from orchestrator.web.rendering import page
from orchestrator.web.security import App, VisitorDep

router = APIRouter()


@router.get("/workers")
def workers(request: Request, visitor: VisitorDep, app: App) -> Response:
    visitor.caller.need(Role.viewer)
    administrator = visitor.caller.has(Role.administrator)
    with app.begin(write=False) as uow:
        lines = overview.workers(uow, app.settings, visitor.caller)
        processes = overview.processes(uow, app.settings)
        kept = executing.kept_messages(uow, limit=50) if administrator else []
    return page(request, visitor, "workers.html", lines=lines, processes=processes, kept=kept)
