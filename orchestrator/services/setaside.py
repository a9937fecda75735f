"""Messages that no worker could make sense of: an operator sees them, and sends them again."""

from __future__ import annotations

from uuid import UUID

from orchestrator.domain.clock import now
from orchestrator.domain.messages import KeptMessage, Resend
from orchestrator.domain.paging import Found, Page, SortKey
from orchestrator.errors import Refused
from orchestrator.services import executing
from orchestrator.store import executing as store
from orchestrator.store.tables import SetAside
from orchestrator.store.unit_of_work import Begin, UnitOfWork


def find(uow: UnitOfWork, limit: int, offset: int, *, replayed: bool = False) -> Found[SetAside]:
    """A page of them, the newest first; ``replayed`` adds those that were sent again."""
    page = Page(limit, offset, (SortKey("receivedTimestamp", descending=True),))
    return store.find_all_set_aside(uow.session, page, replayed=replayed)


def replay(begin: Begin, resend: Resend, key: UUID) -> SetAside:
    """Send a message again, as it was; :class:`Refused` where that was done before.

    It is marked after it was sent: a crash in between lets it be sent twice, never be lost.
    """
    with begin(write=False) as uow:
        row = executing.kept_message(uow, key)
    if row.replayed_at is not None:
        raise Refused(f"message {key} was replayed before")
    resend(KeptMessage(row.queue, row.content_type, row.headers, row.body))
    with begin() as uow:
        executing.replayed(uow, key, now())
    with begin(write=False) as uow:
        return executing.kept_message(uow, key)
