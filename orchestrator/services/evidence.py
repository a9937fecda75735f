"""Evidence: the files that an analysis produced (contract section 6).

Evidence marked ``internal`` is for the analysis' own customer, whoever else may read the analysis.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from orchestrator.domain.caller import Caller
from orchestrator.domain.clock import now
from orchestrator.domain.ids import new_id
from orchestrator.domain.paging import Found, Page
from orchestrator.errors import Denied, NotFound
from orchestrator.services import analyses
from orchestrator.services.samples import stored
from orchestrator.store import evidence as store
from orchestrator.store.blobs import Blobs
from orchestrator.store.spool import BlobFacts
from orchestrator.store.tables import Analysis, Evidence
from orchestrator.store.unit_of_work import UnitOfWork

DEFAULT_MIME_TYPE = "application/octet-stream"

_MIME_TYPE = re.compile(r"[\w.+!#$&^-]{1,127}/[\w.+!#$&^-]{1,127}(\s*;[ -~]{0,255})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Place:
    """Where evidence belongs."""

    sha256: str
    analysis_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvidence:
    """What a client says of the bytes that it sends."""

    file_name: str
    mime_type: str
    internal: bool = False
    potentially_malicious: bool = False


def mime_type_of(content_type: str | None) -> str:
    """What a Content-Type header says, if it says anything sensible."""
    given = (content_type or "").strip()
    return given if _MIME_TYPE.fullmatch(given) else DEFAULT_MIME_TYPE


def writable(uow: UnitOfWork, caller: Caller, place: Place) -> Analysis:
    """The analysis, if the caller may add evidence to it: it is one of its own customer's."""
    stored(uow, caller, place.sha256)
    row = analyses.find(uow, caller, place.sha256, place.analysis_id)
    if not caller.may_act_for(row.customer_id):
        raise Denied(f"analysis {row.id} belongs to another customer")
    return row


def add_evidence(
    uow: UnitOfWork, caller: Caller, place: Place, new: NewEvidence, facts: BlobFacts
) -> Evidence:
    """Describe bytes that are in the blob store already."""
    writable(uow, caller, place)
    row = Evidence(
        id=new_id(),
        analysis_id=place.analysis_id,
        file_name=new.file_name,
        mime_type=new.mime_type,
        size=facts.size,
        checksum=facts.sha256,
        internal=new.internal,
        potentially_malicious=new.potentially_malicious,
        user_id=caller.user_id,
        created_at=now(),
    )
    store.add_evidence(uow.session, row)
    evidence = _find(uow, place.analysis_id, row.id)
    uow.commit()
    return evidence


def _find(uow: UnitOfWork, analysis_id: UUID, evidence_id: UUID) -> Evidence:
    row = store.get_evidence(uow.session, analysis_id, evidence_id)
    if row is None:
        raise NotFound("evidence", evidence_id)
    return row


def get_evidence(uow: UnitOfWork, caller: Caller, place: Place, evidence_id: UUID) -> Evidence:
    analysis = analyses.find(uow, caller, place.sha256, place.analysis_id)
    row = _find(uow, place.analysis_id, evidence_id)
    if row.internal and not caller.may_act_for(analysis.customer_id):
        raise Denied(f"evidence {evidence_id} is internal to another customer")
    return row


def list_evidence(uow: UnitOfWork, caller: Caller, place: Place, page: Page) -> Found[Evidence]:
    analysis = analyses.find(uow, caller, place.sha256, place.analysis_id)
    own = caller.may_act_for(analysis.customer_id)
    return store.list_evidence(uow.session, place.analysis_id, page, internal=own)


def download(
    uow: UnitOfWork, blobs: Blobs, caller: Caller, place: Place, evidence_id: UUID
) -> tuple[Evidence, Iterator[bytes]]:
    """The evidence and its bytes, in chunks."""
    row = get_evidence(uow, caller, place, evidence_id)
    return row, blobs.open(row.checksum)
