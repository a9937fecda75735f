"""Links: how a sample relates to others (contract section 7).

A link may refer to a sample that is not here: it is flagged ``deadReference`` until that sample is
uploaded. Of a referenced sample that the caller may not see, only the hash is shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from orchestrator.domain.caller import Caller
from orchestrator.domain.clock import now
from orchestrator.domain.ids import new_id
from orchestrator.domain.paging import Found, Page
from orchestrator.domain.vocabulary import LinkType, Tlp
from orchestrator.errors import Denied, NotFound
from orchestrator.services import access
from orchestrator.services.samples import Described, describe, readable, stored
from orchestrator.store import access as access_store
from orchestrator.store import links as store
from orchestrator.store import samples as sample_store
from orchestrator.store.tables import AccessGrant, SampleLink
from orchestrator.store.unit_of_work import UnitOfWork

#: A summary counts this many links (contract section 7).
SUMMARY_LIMIT = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLink:
    """What a client gives; ``reference`` is the other sample's hash."""

    reference: str
    type: LinkType
    tlp: Tlp
    user_agent_name: str
    user_agent_version: str
    customer: str | None = None
    acl: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class LinkView:
    """A link, who it is shared with, and the other sample: None where it is not here or not to be seen."""

    link: SampleLink
    grants: Sequence[AccessGrant]
    referenced: Described | None
    dead: bool


@dataclass(frozen=True, slots=True)
class LinkSummary:
    """How many links of each type there are; ``complete`` unless some were not counted."""

    counts: Sequence[tuple[LinkType, int]]
    complete: bool


def add_link(uow: UnitOfWork, caller: Caller, sha256: str, new: NewLink) -> LinkView:
    """Relate a sample to another; no link back is made."""
    stored(uow, caller, sha256)
    row = SampleLink(
        id=new_id(),
        sample_sha256=sha256,
        reference=new.reference,
        type=new.type,
        tlp=new.tlp,
        customer_id=access.customer_for(uow, caller, new.customer),
        user_id=caller.user_id,
        user_agent_name=new.user_agent_name,
        user_agent_version=new.user_agent_version,
        created_at=now(),
    )
    store.add_link(uow.session, row)
    access.grant(uow, caller, row.id, new.acl)
    uow.flush()
    view = get_link(uow, caller, sha256, row.id)
    uow.commit()
    return view


def get_link(uow: UnitOfWork, caller: Caller, sha256: str, link_id: UUID) -> LinkView:
    readable(uow, caller, sha256)
    row = store.get_link(uow.session, sha256, link_id)
    if row is None:
        raise NotFound("link", link_id)
    if not store.may_read(uow.session, caller, link_id):
        raise Denied(f"link {link_id} belongs to another customer and is not shared")
    return _view(uow, caller, [row])[0]


def list_links(uow: UnitOfWork, caller: Caller, sha256: str, page: Page) -> Found[LinkView]:
    """The sample's links that the caller may read."""
    readable(uow, caller, sha256)
    found = store.list_links(uow.session, caller, sha256, page)
    return Found(_view(uow, caller, found.items), found.count, page)


def _view(uow: UnitOfWork, caller: Caller, rows: Sequence[SampleLink]) -> list[LinkView]:
    session = uow.session
    grants = access_store.grants_for(session, [row.id for row in rows])
    here = sample_store.samples_by_sha256(session, (row.reference for row in rows))
    seen = store.readable_among(session, caller, list(here))
    described = {
        each.sample.sha256: each for each in describe(uow, [here[sha256] for sha256 in sorted(seen)])
    }
    return [
        LinkView(
            row,
            grants[row.id],
            described.get(row.reference),
            row.reference not in here or here[row.reference].deleted_at is not None,
        )
        for row in rows
    ]


def summarize(uow: UnitOfWork, caller: Caller, sha256: str) -> LinkSummary:
    """The types of the sample's links, counted over the first :data:`SUMMARY_LIMIT`."""
    readable(uow, caller, sha256)
    types = store.link_types(uow.session, caller, sha256, SUMMARY_LIMIT + 1)
    counts = Counter(types[:SUMMARY_LIMIT])
    return LinkSummary(
        [(kind, counts[kind]) for kind in LinkType if counts[kind]], len(types) <= SUMMARY_LIMIT
    )
