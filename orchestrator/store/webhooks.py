"""Queries over subscriptions and their deliveries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, delete, func, select, text, update
from sqlalchemy.orm import Session, joinedload

from orchestrator.domain.paging import Found, Page
from orchestrator.store import events
from orchestrator.store.paging import paged
from orchestrator.store.tables import ApiKey, DeliveryState, Webhook, WebhookCursor, WebhookDelivery

_CURSOR = 1
# spelled as the partial index spells it
_PENDING = text("webhook_delivery.state = 'pending'")

WEBHOOK_SORT: Mapping[str, Any] = {"createdTimestamp": Webhook.created_at}
DELIVERY_SORT: Mapping[str, Any] = {"createdTimestamp": WebhookDelivery.created_at}


def find(session: Session, user_id: int | None, page: Page) -> Found[Webhook]:
    """A user's subscriptions; None: everybody's."""
    statement = select(Webhook)
    if user_id is not None:
        statement = statement.where(Webhook.user_id == user_id)
    return paged(session, statement, page, WEBHOOK_SORT, Webhook.id)


def get(session: Session, webhook_id: UUID) -> Webhook | None:
    return session.get(Webhook, webhook_id)


def active(session: Session) -> Sequence[Webhook]:
    """Those that are to be told."""
    return session.scalars(select(Webhook).where(Webhook.active).order_by(Webhook.id)).all()


def count_of(session: Session, user_id: int) -> int:
    statement = select(func.count()).select_from(Webhook).where(Webhook.user_id == user_id)
    return session.scalar(statement) or 0


def remove(session: Session, webhook_id: UUID) -> None:
    """Remove a subscription and its log."""
    session.execute(delete(WebhookDelivery).where(WebhookDelivery.webhook_id == webhook_id))
    session.execute(delete(Webhook).where(Webhook.id == webhook_id))


def deliveries(
    session: Session, webhook_id: UUID, state: DeliveryState | None, page: Page
) -> Found[WebhookDelivery]:
    statement = select(WebhookDelivery).where(WebhookDelivery.webhook_id == webhook_id)
    if state is not None:
        statement = statement.where(WebhookDelivery.state == state)
    return paged(session, statement, page, DELIVERY_SORT, WebhookDelivery.id)


def delivery(session: Session, webhook_id: UUID, delivery_id: UUID) -> WebhookDelivery | None:
    statement = select(WebhookDelivery).where(
        WebhookDelivery.id == delivery_id, WebhookDelivery.webhook_id == webhook_id
    )
    return session.scalar(statement)


def position(session: Session) -> int | None:
    """Up to which event deliveries were made; None: nobody was ever to be told."""
    return session.scalar(select(WebhookCursor.position).where(WebhookCursor.id == _CURSOR))


def lock_cursor(session: Session, *, anew: bool = False) -> WebhookCursor:
    """The cursor, locked until the transaction ends; ``anew``: it goes to the newest event."""
    found = session.get(WebhookCursor, _CURSOR, with_for_update=True, populate_existing=True)
    if found is None:
        found = WebhookCursor(id=_CURSOR, position=events.newest(session))
        session.add(found)
    elif anew:
        found.position = events.newest(session)
    session.flush()
    return found


def add_deliveries(session: Session, rows: Sequence[Mapping[str, Any]]) -> list[WebhookDelivery]:
    made = [WebhookDelivery(**row) for row in rows]
    session.add_all(made)
    session.flush()
    return made


def any_due(session: Session, at: datetime) -> bool:
    """Whether a delivery is due."""
    statement = select(WebhookDelivery.id).where(_PENDING, WebhookDelivery.due_at <= at).limit(1)
    return session.scalar(statement) is not None


def claim(session: Session, at: datetime, until: datetime, limit: int) -> Sequence[WebhookDelivery]:
    """Take deliveries that are due, and keep others off them until a moment."""
    statement = (
        select(WebhookDelivery)
        .join(Webhook, Webhook.id == WebhookDelivery.webhook_id)
        .where(_PENDING, WebhookDelivery.due_at <= at, Webhook.active)
        .order_by(WebhookDelivery.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True, of=WebhookDelivery)
    )
    rows = session.scalars(statement).all()
    for row in rows:
        row.due_at = until
    session.flush()
    return rows


def subscriptions(session: Session, ids: Sequence[UUID]) -> dict[UUID, Webhook]:
    statement = select(Webhook).where(Webhook.id.in_(ids)).options(joinedload(Webhook.user))
    return {row.id: row for row in session.scalars(statement)}


def give_up(session: Session, webhook_id: UUID, reason: str) -> None:
    """Nothing more goes to a subscription that was switched off."""
    session.execute(
        update(WebhookDelivery)
        .where(WebhookDelivery.webhook_id == webhook_id, _PENDING)
        .values(state=DeliveryState.failed, error=reason)
    )


def any_expired(session: Session, before: datetime) -> bool:
    """Whether the log holds what ended before a moment."""
    return session.scalar(_expired(before, 1)) is not None


def expire(session: Session, before: datetime, limit: int) -> int:
    """Remove what was made before a moment and is delivered or given up; how many."""
    ids = session.scalars(_expired(before, limit)).all()
    session.execute(delete(WebhookDelivery).where(WebhookDelivery.id.in_(ids)))
    return len(ids)


def _expired(before: datetime, limit: int) -> Select[Any]:
    statement: Select[Any] = select(WebhookDelivery.id)
    return statement.where(
        WebhookDelivery.created_at < before, WebhookDelivery.state != DeliveryState.pending
    ).limit(limit)


def live_keys(session: Session, user_id: int, at: datetime) -> Sequence[ApiKey]:
    """A user's keys that are good."""
    rows = session.scalars(select(ApiKey).where(ApiKey.user_id == user_id, ApiKey.revoked_at.is_(None)))
    return [row for row in rows if row.expires_at is None or row.expires_at > at]
