"""Workers, their processes and queues, and the messages that nobody could make sense of."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from orchestrator.domain.vocabulary import Role
from orchestrator.services import overview, policy, setaside
from orchestrator.services.application import Application
from orchestrator.web.rendering import page
from orchestrator.web.security import PREFIX, App, Visitor, VisitorDep

router = APIRouter()

_KEPT = 50


@router.get("/workers")
def workers(request: Request, visitor: VisitorDep, app: App) -> Response:
    visitor.caller.need(Role.viewer)
    administrator = visitor.caller.has(Role.administrator)
    with app.begin(write=False) as uow:
        lines = overview.workers(uow, app.settings, visitor.caller)
        processes = overview.processes(uow, app.settings)
        kept = setaside.find(uow, _KEPT, 0).items if administrator else []
        chosen = {worker.id for worker in policy.get_policy(uow).workers}
    return page(request, visitor, "workers.html", lines=lines, processes=processes, kept=kept, chosen=chosen)


@router.post("/workers/{name}/on")
def turn_on(visitor: VisitorDep, app: App, name: str) -> Response:
    """New jobs get this worker."""
    return _turn(visitor, app, name, on=True)


@router.post("/workers/{name}/off")
def turn_off(visitor: VisitorDep, app: App, name: str) -> Response:
    """New jobs get this worker only where a rule says so; what is open stays."""
    return _turn(visitor, app, name, on=False)


def _turn(visitor: Visitor, app: Application, name: str, *, on: bool) -> Response:
    visitor.caller.need(Role.administrator)
    with app.begin() as uow:
        policy.switch(uow, visitor.caller, name, on=on)
    return RedirectResponse(f"{PREFIX}/workers", 303)


@router.post("/set-aside/{message_id}/replay")
def replay(visitor: VisitorDep, app: App, message_id: UUID) -> Response:
    """Send a message again, as it was."""
    visitor.caller.need(Role.administrator)
    setaside.replay(app.begin, app.resend, message_id)
    return RedirectResponse(f"{PREFIX}/workers#set-aside", 303)
