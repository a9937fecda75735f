"""Messages that no worker could make sense of, for administrators."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query

from orchestrator.api.dependencies import DEFAULT_LIMIT, App, Limit, Offset, Reading
from orchestrator.api.envelope import Envelope, JsonResponse, ListEnvelope, page, single
from orchestrator.api.schemas.setaside import SetAsideResponse
from orchestrator.api.security import SecuredRoute, needs
from orchestrator.domain.vocabulary import Role
from orchestrator.services import setaside

router = APIRouter(prefix="/sampledb/v2", route_class=SecuredRoute, tags=["set-aside messages"])


@router.get("/setaside", operation_id="listSetAside", response_model=ListEnvelope[SetAsideResponse])
@needs(Role.administrator)
def list_set_aside(
    uow: Reading,
    replayed: Annotated[bool, Query(description="also those that were sent again")] = False,
    limit: Limit = DEFAULT_LIMIT,
    offset: Offset = 0,
) -> JsonResponse:
    """The messages that were set aside, the newest first."""
    return page(setaside.find(uow, limit, offset, replayed=replayed), SetAsideResponse.of)


@router.post(
    "/setaside/{id}/replay", operation_id="replaySetAside", response_model=Envelope[SetAsideResponse]
)
@needs(Role.administrator)
def replay_set_aside(app: App, key: Annotated[UUID, Path(alias="id")]) -> JsonResponse:
    """Send a message again, as it was, to its queue. One that was sent before is refused."""
    return single(SetAsideResponse.of(setaside.replay(app.begin, app.resend, key)))
