"""Makes a delivery of each event for each subscription that is to be told of it.

The deliveries, and how far the events were looked at, are one transaction: a crash loses none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

import orjson

from orchestrator.domain.caller import Caller
from orchestrator.domain.clock import now
from orchestrator.domain.events import Change, Event, events_of
from orchestrator.domain.ids import new_id
from orchestrator.services.access import caller_of
from orchestrator.services.events import Tail, described, may_see
from orchestrator.store import webhooks as store
from orchestrator.store.tables import DeliveryState, Webhook
from orchestrator.store.unit_of_work import Begin, UnitOfWork

#: The name of the event that only tries a subscription out.
PING = "ping"


class Planner:
    """Follows the events for all subscriptions."""

    def __init__(self, begin: Begin) -> None:
        self._begin = begin
        self._tail: Tail | None = None

    def round(self) -> int:
        """Make deliveries of the events that happened; how many."""
        with self._begin(write=False) as uow:
            wanted = store.active(uow.session)
            position = store.position(uow.session)
        if not wanted or position is None:
            self._tail = None
            return 0
        if self._tail is None or self._tail.position != position:
            self._tail = Tail(self._begin, position)
        changes = self._tail.read()
        if self._tail.position == position:
            return 0
        with self._begin() as uow:
            cursor = store.lock_cursor(uow.session)
            if cursor.position != position:
                # another process was here, or everybody was switched off meanwhile
                return 0
            made = list(_deliveries(uow, store.active(uow.session), changes))
            store.add_deliveries(uow.session, made)
            cursor.position = self._tail.position
            uow.commit()
        return len(made)


def _deliveries(
    uow: UnitOfWork, subscriptions: Sequence[Webhook], changes: Sequence[Change]
) -> Iterator[dict[str, Any]]:
    at = now()
    for row in subscriptions:
        caller = rights(uow, row)
        if caller is None:
            row.active, row.disabled_reason = False, "its user has no key any more that grants this"
            store.give_up(uow.session, row.id, row.disabled_reason)
            continue
        for change in changes:
            events = [event for event in events_of(change) if _wants(row, event)]
            if events and may_see(uow, caller, change):
                for event in events:
                    yield delivery_of(row, str(event.position), event.name, described(event), at)


def rights(uow: UnitOfWork, row: Webhook) -> Caller | None:
    """What the subscription's user may see: as much as the key that made it, while a key grants it."""
    roles = {key.role for key in store.live_keys(uow.session, row.user_id, now())}
    if row.user.deleted_at or not any(row.role in role.grants for role in roles):
        return None
    return caller_of(uow, row.user, row.role)


def _wants(row: Webhook, event: Event) -> bool:
    return any(fnmatchcase(event.name, pattern) for pattern in row.events)


def delivery_of(
    row: Webhook, event_id: str, event: str, body: Mapping[str, Any], at: datetime
) -> dict[str, Any]:
    """The row of a delivery."""
    return {
        "id": new_id(),
        "webhook_id": row.id,
        "event_id": event_id,
        "event": event,
        "body": orjson.dumps(body).decode(),
        "state": DeliveryState.pending,
        "attempts": 0,
        "created_at": at,
        "due_at": at,
    }
