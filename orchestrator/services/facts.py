"""Static facts: what is true of a sample's bytes, whoever looks (contract section 7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.domain.caller import Caller
from orchestrator.domain.clock import now
from orchestrator.domain.ids import new_id
from orchestrator.domain.paging import Found, Page
from orchestrator.services.samples import readable, stored
from orchestrator.store import facts as store
from orchestrator.store.facts import SORT_KEYS
from orchestrator.store.tables import StaticFact
from orchestrator.store.unit_of_work import UnitOfWork

__all__ = ["SORT_KEYS", "NewFact", "add_fact", "list_facts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFact:
    """What a client gives."""

    key: str
    value: str
    user_agent_name: str
    user_agent_version: str


def add_fact(uow: UnitOfWork, caller: Caller, sha256: str, new: NewFact) -> StaticFact:
    """Store a fact; a key may have several values, and a value several witnesses."""
    stored(uow, caller, sha256)
    row = StaticFact(
        id=new_id(),
        sample_sha256=sha256,
        key=new.key,
        value=new.value,
        user_id=caller.user_id,
        user_agent_name=new.user_agent_name,
        user_agent_version=new.user_agent_version,
        created_at=now(),
    )
    store.add_fact(uow.session, row)
    fact = store.get_fact(uow.session, row.id)
    uow.commit()
    return fact


def list_facts(
    uow: UnitOfWork, caller: Caller, sha256: str, keys: Sequence[str], page: Page
) -> Found[StaticFact]:
    """The sample's facts; with ``keys``, those of any of these keys."""
    readable(uow, caller, sha256)
    return store.list_facts(uow.session, sha256, keys, page)
