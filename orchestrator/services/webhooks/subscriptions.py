"""Who is told of what: made, changed and removed by users for themselves, by administrators for anybody."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from uuid import UUID

from orchestrator.domain.caller import Caller
from orchestrator.domain.clock import now
from orchestrator.domain.events import NAMES
from orchestrator.domain.ids import new_id
from orchestrator.domain.paging import Found, Page
from orchestrator.errors import Denied, Invalid, NotFound, Refused
from orchestrator.services.webhooks.addresses import Forbidden, split
from orchestrator.services.webhooks.planning import PING, delivery_of
from orchestrator.store import webhooks as store
from orchestrator.store.tables import DeliveryState, Webhook, WebhookDelivery
from orchestrator.store.unit_of_work import UnitOfWork

#: Subscriptions of one user.
MOST = 50


@dataclass(frozen=True, slots=True)
class Changes:
    """What to change of a subscription; None: nothing."""

    url: str | None = None
    events: Sequence[str] | None = None
    active: bool | None = None


def add(uow: UnitOfWork, caller: Caller, url: str, events: Sequence[str]) -> Webhook:
    """A new subscription; its ``secret`` is shown this once."""
    if store.count_of(uow.session, caller.user_id) >= MOST:
        raise Refused(f"a user may have {MOST} webhooks")
    if not store.active(uow.session):
        # nobody was told until now: what happened before is not made up for
        store.lock_cursor(uow.session, anew=True)
    row = Webhook(
        id=new_id(),
        user_id=caller.user_id,
        role=caller.role,
        url=_url(url),
        events=_events(events),
        secret=secrets.token_urlsafe(32),
        active=True,
        created_at=now(),
    )
    uow.session.add(row)
    uow.flush()
    uow.commit()
    uow.session.refresh(row)
    return row


def find(uow: UnitOfWork, caller: Caller, page: Page) -> Found[Webhook]:
    """The caller's subscriptions; an administrator's: everybody's."""
    return store.find(uow.session, None if caller.sees_all else caller.user_id, page)


def get(uow: UnitOfWork, caller: Caller, webhook_id: UUID) -> Webhook:
    row = store.get(uow.session, webhook_id)
    if row is None:
        raise NotFound("webhook", webhook_id)
    if row.user_id != caller.user_id and not caller.sees_all:
        raise Denied(f"webhook {webhook_id} belongs to another user")
    return row


def update(uow: UnitOfWork, caller: Caller, webhook_id: UUID, changes: Changes) -> Webhook:
    """Change a subscription; one that is switched on again begins with a clean slate."""
    row = get(uow, caller, webhook_id)
    if changes.url is not None:
        row.url = _url(changes.url)
    if changes.events is not None:
        row.events = _events(changes.events)
    if changes.active is not None:
        if changes.active and not row.active:
            if not store.active(uow.session):
                store.lock_cursor(uow.session, anew=True)
            row.failing_since = row.disabled_reason = None
        row.active = changes.active
    uow.commit()
    return row


def remove(uow: UnitOfWork, caller: Caller, webhook_id: UUID) -> None:
    """Remove a subscription, and the log of its deliveries."""
    get(uow, caller, webhook_id)
    store.remove(uow.session, webhook_id)
    uow.commit()


def deliveries(
    uow: UnitOfWork, caller: Caller, webhook_id: UUID, state: DeliveryState | None, page: Page
) -> Found[WebhookDelivery]:
    """The log of a subscription."""
    get(uow, caller, webhook_id)
    return store.deliveries(uow.session, webhook_id, state, page)


def ping(uow: UnitOfWork, caller: Caller, webhook_id: UUID) -> WebhookDelivery:
    """A delivery to try the subscription out."""
    row = get(uow, caller, webhook_id)
    if not row.active:
        raise Refused(f"webhook {webhook_id} is switched off")
    key, at = new_id(), now()
    made = delivery_of(row, f"ping-{key}", PING, {"id": f"ping-{key}", "event": PING}, at)
    (added,) = store.add_deliveries(uow.session, [made])
    uow.commit()
    return added


def deliver_again(uow: UnitOfWork, caller: Caller, webhook_id: UUID, delivery_id: UUID) -> WebhookDelivery:
    """Send a delivery once more, whatever became of it."""
    get(uow, caller, webhook_id)
    row = store.delivery(uow.session, webhook_id, delivery_id)
    if row is None:
        raise NotFound("delivery", delivery_id)
    row.state, row.due_at, row.attempts, row.error = DeliveryState.pending, now(), 0, None
    row.created_at = now()
    uow.commit()
    return row


def _url(url: str) -> str:
    try:
        split(url)
    except Forbidden as error:
        raise Invalid("url", str(error)) from None
    return url


def _events(patterns: Sequence[str]) -> list[str]:
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in NAMES):
            raise Invalid("events", f"{pattern!r} names no event; known are {', '.join(NAMES)}")
    if not patterns:
        raise Invalid("events", "at least one event must be named")
    return list(dict.fromkeys(patterns))
