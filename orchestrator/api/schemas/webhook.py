"""Webhooks and their deliveries, on the wire."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from orchestrator.api.dependencies import as_list
from orchestrator.api.schemas.base import Wire, millis
from orchestrator.services.webhooks.subscriptions import Changes
from orchestrator.store.tables import Webhook, WebhookDelivery

Url = Annotated[str, Field(max_length=2000)]
Events = Annotated[list[Annotated[str, Field(max_length=64)]], BeforeValidator(as_list), Field(max_length=50)]


class WebhookAddRequest(Wire):
    url: Url
    events: Events = Field(default=["job.*"], description="names of events, with * for any part")


class WebhookUpdateRequest(Wire):
    url: Url | None = None
    events: Events | None = None
    active: bool | None = None

    def to_domain(self) -> Changes:
        return Changes(self.url, self.events, self.active)


class WebhookResponse(Wire):
    """A subscription; ``secret`` is shown by the answer to its creation alone."""

    id: str
    url: str
    events: list[str]
    user: str
    active: bool
    created_timestamp: int | None
    failing_since_timestamp: int | None = None
    disabled_reason: str | None = None
    secret: str | None = None

    @classmethod
    def of(cls, row: Webhook) -> WebhookResponse:
        return cls(
            id=str(row.id),
            url=row.url,
            events=list(row.events),
            user=row.user.short_name,
            active=row.active,
            created_timestamp=millis(row.created_at),
            failing_since_timestamp=millis(row.failing_since),
            disabled_reason=row.disabled_reason,
        )


class DeliveryResponse(Wire):
    """One event on its way to one webhook, and what the last attempt was answered."""

    id: str
    event_id: str
    event: str
    state: str
    attempts: int
    created_timestamp: int | None
    due_timestamp: int | None = None
    tried_timestamp: int | None = None
    status: int | None = None
    error: str | None = None
    took_ms: int | None = None

    @classmethod
    def of(cls, row: WebhookDelivery) -> DeliveryResponse:
        return cls(
            id=str(row.id),
            event_id=row.event_id,
            event=row.event,
            state=row.state.value,
            attempts=row.attempts,
            created_timestamp=millis(row.created_at),
            due_timestamp=millis(row.due_at) if row.state == "pending" else None,
            tried_timestamp=millis(row.tried_at),
            status=row.status,
            error=row.error,
            took_ms=row.took_ms,
        )
