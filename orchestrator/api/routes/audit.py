"""The audit log, for administrators."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request

from orchestrator.api.dependencies import DEFAULT_LIMIT, App, Limit, Moment, Offset
from orchestrator.api.envelope import JsonResponse, ListEnvelope, page
from orchestrator.api.schemas.audit import AuditEntryResponse
from orchestrator.api.security import SecuredRoute, needs
from orchestrator.domain.vocabulary import Role
from orchestrator.services import audit
from orchestrator.services.audit import AuditFilter, AuditTrail

router = APIRouter(prefix="/sampledb/v2", route_class=SecuredRoute, tags=["audit"])

_Text = Annotated[str | None, Query(min_length=1, max_length=500, pattern="^[^\x00]*$")]
_When = Annotated[Moment | None, Query()]


@router.get("/audit", operation_id="listAudit", response_model=ListEnvelope[AuditEntryResponse])
@needs(Role.administrator)
def list_audit(
    request: Request,
    app: App,
    user: _Text = None,
    action: _Text = None,
    about: Annotated[_Text, Query(alias="object")] = None,
    since: _When = None,
    until: _When = None,
    limit: Limit = DEFAULT_LIMIT,
    offset: Offset = 0,
) -> JsonResponse:
    """Who changed what, the newest first; ``action`` and ``object`` match any part."""
    trail: AuditTrail = request.app.state.audit
    trail.flush()
    with app.begin(write=False) as uow:
        found = audit.find(uow, AuditFilter(user, action, about, since, until), limit, offset)
    return page(found, AuditEntryResponse.of)
