"""Analyses: what workers and analysts found out about a sample (contract section 6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from jsonschema.exceptions import SchemaError, ValidationError
from jsonschema.validators import validator_for
from referencing import Registry
from referencing.exceptions import Unresolvable

from orchestrator.domain.caller import Caller
from orchestrator.domain.clock import now
from orchestrator.domain.ids import new_id
from orchestrator.domain.paging import Found, Page
from orchestrator.domain.vocabulary import StatusOverride, Tlp
from orchestrator.errors import Denied, Invalid, NotFound
from orchestrator.services import access
from orchestrator.services.samples import readable, stored
from orchestrator.settings import Settings
from orchestrator.store import access as access_store
from orchestrator.store import analyses as store
from orchestrator.store.tables import AccessGrant, Analysis
from orchestrator.store.unit_of_work import UnitOfWork

_LONGEST_COMPLAINT = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAnalysis:
    """What a client gives. Tags and detections are plain JSON, as the store keeps them."""

    result: Any
    score: int
    customer: str
    tlp: Tlp
    user_agent_name: str
    user_agent_version: str
    acl: Sequence[str] = ()
    with_internet: bool = False
    possible_detections: int | None = None
    profile: str | None = None
    tags: Sequence[Mapping[str, str]] = ()
    detections: Sequence[Mapping[str, str]] = ()
    verdict_status_override: StatusOverride | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """An analysis and who it is shared with."""

    analysis: Analysis
    grants: Sequence[AccessGrant]


@dataclass(frozen=True, slots=True)
class Summary:
    """Who analysed a sample, and what was found last."""

    user_agents: Sequence[tuple[str, str]]
    latest: Analysis | None


def add_analysis(uow: UnitOfWork, settings: Settings, caller: Caller, sha256: str, new: NewAnalysis) -> Shown:
    """Store an analysis; its worker is whoever ``user_agent_name`` says."""
    stored(uow, caller, sha256)
    customer_id = access.customer_for(uow, caller, new.customer)
    if settings.enforce_worker_schema:
        _check(new.result, store.schema_of(uow.session, new.user_agent_name))
    row = Analysis(
        id=new_id(),
        sample_sha256=sha256,
        customer_id=customer_id,
        user_id=caller.user_id,
        user_agent_name=new.user_agent_name,
        user_agent_version=new.user_agent_version,
        score=new.score,
        result=new.result,
        tlp=new.tlp,
        profile=new.profile,
        possible_detections=new.possible_detections,
        tags=list(new.tags),
        detections=list(new.detections),
        verdict_status_override=new.verdict_status_override,
        with_internet=new.with_internet,
        created_at=now(),
    )
    store.add_analysis(uow.session, row)
    access.grant(uow, caller, row.id, new.acl)
    uow.flush()
    shown = get_analysis(uow, caller, sha256, row.id)
    uow.commit()
    return shown


def _check(result: Any, schema: Any) -> None:
    """Hold a result against its worker's JSON schema. References out of the schema are not followed."""
    if schema is None:
        return
    kind = validator_for(schema)
    try:
        kind.check_schema(schema)
        kind(schema, registry=Registry()).validate(result)
    except ValidationError as error:
        complaint = error.message
        if len(complaint) > _LONGEST_COMPLAINT:
            complaint = complaint[:_LONGEST_COMPLAINT] + "…"
        raise Invalid("analysisResult", f"{error.json_path}: {complaint}") from None
    except (SchemaError, Unresolvable, RecursionError) as error:
        raise Invalid("analysisResult", f"the worker's schema cannot be applied: {error}") from None


def get_analysis(uow: UnitOfWork, caller: Caller, sha256: str, analysis_id: UUID) -> Shown:
    """One analysis of the sample; :class:`Denied` where it is neither the caller's customer's nor shared."""
    row = find(uow, caller, sha256, analysis_id)
    return Shown(row, access_store.grants_for(uow.session, [row.id])[row.id])


def find(uow: UnitOfWork, caller: Caller, sha256: str, analysis_id: UUID) -> Analysis:
    """The row of an analysis that the caller may read."""
    readable(uow, caller, sha256)
    row = store.get_analysis(uow.session, sha256, analysis_id)
    if row is None:
        raise NotFound("analysis", analysis_id)
    if not store.may_read(uow.session, caller, analysis_id):
        raise Denied(f"analysis {analysis_id} belongs to another customer and is not shared")
    return row


def list_analyses(uow: UnitOfWork, caller: Caller, sha256: str, page: Page) -> Found[Shown]:
    """The sample's analyses that the caller may read."""
    readable(uow, caller, sha256)
    found = store.list_analyses(uow.session, caller, sha256, page)
    grants = access_store.grants_for(uow.session, [row.id for row in found.items])
    return Found([Shown(row, grants[row.id]) for row in found.items], found.count, page)


def summarize(uow: UnitOfWork, caller: Caller, sha256: str) -> Summary:
    """The user agents that analysed the sample, and the latest analysis, of what the caller may read."""
    readable(uow, caller, sha256)
    return Summary(
        store.user_agents(uow.session, caller, sha256), store.latest_analysis(uow.session, caller, sha256)
    )
