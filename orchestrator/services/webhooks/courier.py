"""Runs beside the sweep: plans deliveries, makes them, and notes what came of each.

A delivery is claimed for longer than an attempt may take; one whose claim ran out, because its process
died, is made again by whoever is there. So each is made at least once.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from orchestrator.domain.clock import now
from orchestrator.errors import AssayError
from orchestrator.services.webhooks.addresses import networks
from orchestrator.services.webhooks.planning import Planner
from orchestrator.services.webhooks.sending import PATIENCE, Attempt, Letter, Sender
from orchestrator.settings import Settings
from orchestrator.store import webhooks as store
from orchestrator.store.tables import DeliveryState, Webhook, WebhookDelivery
from orchestrator.store.unit_of_work import Begin

log = structlog.get_logger(__name__)

#: Deliveries that are under way at the same time.
AT_ONCE = 32
#: Waits between attempts: doubling, from … to, in seconds.
FIRST_WAIT, LONGEST_WAIT = 5.0, 3600.0
PAUSE = 1.0
_GLANCE = 0.2
_CLAIM = timedelta(seconds=2 * PATIENCE + 30)
#: The others of a subscription that fails wait while one tries, for this long.
_PROBE = timedelta(seconds=30)
_KEEP = timedelta(days=7)
_EXPIRED = 500


class Courier:
    """Plans and delivers in one thread."""

    def __init__(self, settings: Settings, begin: Begin, sender: Sender | None = None) -> None:
        self._begin = begin
        self._patience = timedelta(seconds=settings.webhook_patience)
        self._sender = sender or Sender(networks(settings.webhook_networks))
        self._planner = Planner(begin)
        self._closing = threading.Event()

    def run(self, closing: threading.Event) -> None:
        """Deliver until ``closing`` is set. What is away now is tried again in the next round."""
        self._closing = closing
        while not closing.is_set():
            busy = False
            try:
                busy = self.round()
            except AssayError as error:
                log.warning("webhooks put off", action="webhook-unavailable", error=str(error))
            except Exception:
                log.exception("webhooks failed", action="webhook-failed")
            if not busy:
                closing.wait(PAUSE)

    def round(self) -> bool:
        """Plan, and make what is due; whether there is likely more to do at once."""
        planned = self._planner.round()
        letters = self._claim()
        if letters:
            self._note(asyncio.run(self._send(letters)))
        else:
            self._expire()
        return bool(planned or letters)

    async def _send(self, letters: Sequence[Letter]) -> list[tuple[Letter, Attempt]]:
        """What came of the letters; of those that the end interrupts nothing, their claims run out."""
        sent = {asyncio.create_task(self._sender.send(each)): each for each in letters}
        waiting = set(sent)
        while waiting and not self._closing.is_set():
            _, waiting = await asyncio.wait(waiting, timeout=_GLANCE)
        for attempt in waiting:
            attempt.cancel()
        await asyncio.wait(sent)
        return [(letter, each.result()) for each, letter in sent.items() if not each.cancelled()]

    def _claim(self) -> list[Letter]:
        """Take what is due; of subscriptions that fail one delivery each, so that they hold up no other."""
        at = now()
        with self._begin(write=False) as uow:
            if not store.any_due(uow.session, at):
                return []
        with self._begin() as uow:
            rows = store.claim(uow.session, at, at + _CLAIM, AT_ONCE)
            hooks = store.subscriptions(uow.session, [row.webhook_id for row in rows])
            probed: set[UUID] = set()
            letters = []
            for row in rows:
                hook = hooks[row.webhook_id]
                if hook.failing_since is not None and hook.id in probed:
                    row.due_at = at + _PROBE
                    continue
                probed.add(hook.id)
                row.attempts += 1
                letters.append(_letter(row, hook))
            uow.commit()
        return letters

    def _note(self, sent: Sequence[tuple[Letter, Attempt]]) -> None:
        at = now()
        with self._begin() as uow:
            hooks = store.subscriptions(uow.session, [each.webhook_id for each, _ in sent])
            for letter, attempt in sent:
                row = store.delivery(uow.session, letter.webhook_id, letter.id)
                hook = hooks.get(letter.webhook_id)
                # removed meanwhile
                if row is not None and hook is not None:
                    self._judge(row, hook, attempt, at)
            for hook in hooks.values():
                if not hook.active and hook.disabled_reason:
                    store.give_up(uow.session, hook.id, hook.disabled_reason)
            uow.commit()

    def _judge(self, row: WebhookDelivery, hook: Webhook, attempt: Attempt, at: datetime) -> None:
        row.tried_at, row.status, row.error = at, attempt.status, attempt.error
        row.took_ms = int(attempt.seconds * 1000)
        if attempt.taken:
            row.state, hook.failing_since = DeliveryState.delivered, None
            return
        hook.failing_since = hook.failing_since or at
        if at - hook.failing_since > self._patience and hook.active:
            hook.active = False
            hook.disabled_reason = f"no delivery was taken since {hook.failing_since:%Y-%m-%d %H:%M} UTC"
            log.warning("webhook switched off", action="webhook-disabled", webhook=str(hook.id))
        if at - row.created_at > self._patience:
            row.state = DeliveryState.failed
        wait = min(FIRST_WAIT * 2 ** min(row.attempts - 1, 20), LONGEST_WAIT)
        row.due_at = at + timedelta(seconds=wait)

    def _expire(self) -> None:
        before = now() - max(_KEEP, self._patience)
        with self._begin(write=False) as uow:
            if not store.any_expired(uow.session, before):
                return
        with self._begin() as uow:
            store.expire(uow.session, before, _EXPIRED)
            uow.commit()


def _letter(row: WebhookDelivery, hook: Webhook) -> Letter:
    return Letter(row.id, hook.id, hook.url, hook.secret, row.event, row.body.encode())
