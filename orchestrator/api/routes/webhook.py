"""Who is told of events over HTTP; an extension of the contract."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query

from orchestrator.api.dependencies import DEFAULT_LIMIT, Limit, Offset, Reading, Writing
from orchestrator.api.envelope import Envelope, JsonResponse, ListEnvelope, page, single
from orchestrator.api.schemas.webhook import (
    DeliveryResponse,
    WebhookAddRequest,
    WebhookResponse,
    WebhookUpdateRequest,
)
from orchestrator.api.security import CallerDep, SecuredRoute, needs
from orchestrator.domain.paging import Page, SortKey
from orchestrator.domain.vocabulary import Role
from orchestrator.services.webhooks import subscriptions
from orchestrator.store.tables import DeliveryState

router = APIRouter(prefix="/sampledb/v2/webhook", route_class=SecuredRoute, tags=["events"])

WebhookId = Annotated[UUID, Path(alias="id")]
DeliveryId = Annotated[UUID, Path(alias="deliveryID")]
_NEWEST = (SortKey("createdTimestamp", descending=True),)


@router.get("", operation_id="listWebhooks", response_model=ListEnvelope[WebhookResponse])
@needs(Role.user)
def list_webhooks(
    caller: CallerDep, uow: Reading, limit: Limit = DEFAULT_LIMIT, offset: Offset = 0
) -> JsonResponse:
    """The caller's webhooks, an administrator's everybody's; the newest first."""
    return page(subscriptions.find(uow, caller, Page(limit, offset, _NEWEST)), WebhookResponse.of)


@router.post("", operation_id="addWebhook", status_code=201, response_model=Envelope[WebhookResponse])
@needs(Role.user)
def add_webhook(caller: CallerDep, uow: Writing, body: WebhookAddRequest) -> JsonResponse:
    """Be told of events that the caller may see. The answer alone shows what they are signed with."""
    row = subscriptions.add(uow, caller, body.url, body.events)
    shown = WebhookResponse.of(row)
    shown.secret = row.secret
    return single(shown, 201)


@router.get("/{id}", operation_id="getWebhook", response_model=Envelope[WebhookResponse])
@needs(Role.user)
def get_webhook(caller: CallerDep, uow: Reading, key: WebhookId) -> JsonResponse:
    return single(WebhookResponse.of(subscriptions.get(uow, caller, key)))


@router.put("/{id}", operation_id="updateWebhook", response_model=Envelope[WebhookResponse])
@needs(Role.user)
def update_webhook(
    caller: CallerDep, uow: Writing, key: WebhookId, body: WebhookUpdateRequest
) -> JsonResponse:
    """Change where and of what to tell, or switch it off and on."""
    return single(WebhookResponse.of(subscriptions.update(uow, caller, key, body.to_domain())))


@router.delete("/{id}", operation_id="deleteWebhook", response_model=Envelope[WebhookResponse])
@needs(Role.user)
def delete_webhook(caller: CallerDep, uow: Writing, key: WebhookId) -> JsonResponse:
    """Remove a webhook and its log."""
    row = subscriptions.get(uow, caller, key)
    shown = WebhookResponse.of(row)
    subscriptions.remove(uow, caller, key)
    return single(shown)


@router.post("/{id}/ping", operation_id="pingWebhook", response_model=Envelope[DeliveryResponse])
@needs(Role.user)
def ping_webhook(caller: CallerDep, uow: Writing, key: WebhookId) -> JsonResponse:
    """Send the event ``ping``; its delivery shows in the log."""
    return single(DeliveryResponse.of(subscriptions.ping(uow, caller, key)))


@router.get(
    "/{id}/delivery", operation_id="listWebhookDeliveries", response_model=ListEnvelope[DeliveryResponse]
)
@needs(Role.user)
def list_deliveries(
    caller: CallerDep,
    uow: Reading,
    key: WebhookId,
    state: Annotated[DeliveryState | None, Query()] = None,
    limit: Limit = DEFAULT_LIMIT,
    offset: Offset = 0,
) -> JsonResponse:
    """What became of the deliveries of the last days, the newest first."""
    wanted = Page(limit, offset, _NEWEST)
    return page(subscriptions.deliveries(uow, caller, key, state, wanted), DeliveryResponse.of)


@router.post(
    "/{id}/delivery/{deliveryID}/again",
    operation_id="redeliverWebhook",
    response_model=Envelope[DeliveryResponse],
)
@needs(Role.user)
def deliver_again(caller: CallerDep, uow: Writing, key: WebhookId, delivery: DeliveryId) -> JsonResponse:
    """Send a delivery once more, as it was."""
    return single(DeliveryResponse.of(subscriptions.deliver_again(uow, caller, key, delivery)))
