"""A sample: what it is, what was found in it, where it came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from pydantic import AfterValidator
from starlette.responses import RedirectResponse, Response

from orchestrator.domain.caller import Caller
from orchestrator.domain.paging import Page, SortKey
from orchestrator.domain.vocabulary import LinkType, Role
from orchestrator.services import analyses, evidence, facts, jobs, links, overview, samples, submissions
from orchestrator.services.evidence import Place
from orchestrator.services.links import LinkView
from orchestrator.store.tables import Analysis, Evidence
from orchestrator.store.unit_of_work import UnitOfWork
from orchestrator.streams import attachment, file_chunks, scratch_file
from orchestrator.web.indicators import gather
from orchestrator.web.outline import Node, outline
from orchestrator.web.rendering import page
from orchestrator.web.security import PREFIX, App, VisitorDep

Sha256 = Annotated[str, Path(pattern="^[0-9a-fA-F]{64}$"), AfterValidator(str.lower)]

router = APIRouter(prefix="/sample/{sha256}")

_LATEST = 60
_LINKS = 100
_FACTS = 200
_SUBMISSIONS = 25
_JOBS = 10
#: How far down and how wide the tree of children is drawn.
_TREE_DEPTH = 3
_TREE_SIZE = 60


@dataclass(frozen=True, slots=True)
class Shown:
    """An analysis laid out."""

    row: Analysis
    outline: Node
    evidence: Sequence[Evidence]


@dataclass(slots=True)
class Branch:
    """A link and what hangs below it."""

    link: LinkView
    below: list[Branch] = field(default_factory=list)


@router.get("")
def show(request: Request, visitor: VisitorDep, app: App, sha256: Sha256) -> Response:
    caller = visitor.caller
    caller.need(Role.viewer)
    newest = (SortKey("createdTimestamp", descending=True),)
    with app.begin(write=False) as uow:
        row = samples.readable(uow, caller, sha256)
        found = analyses.list_analyses(uow, caller, sha256, Page(_LATEST, sort=newest))
        linked = links.list_links(uow, caller, sha256, Page(_LINKS)).items
        latest = _latest(found.items)
        schemas = overview.schemas(uow, {each.user_agent_name for each in latest})
        context: dict[str, Any] = {
            "each": samples.describe(uow, [row])[0],
            "analyses": [_shown(uow, caller, each, schemas.get(each.user_agent_name)) for each in latest],
            "indicators": gather(latest),
            "older": max(0, found.count - len(latest)),
            "facts": facts.list_facts(uow, caller, sha256, [], Page(_FACTS, sort=(SortKey("key"),))),
            "submissions": submissions.list_submissions(uow, caller, sha256, _SUBMISSIONS, 0),
            "jobs": overview.jobs_of_sample(uow, caller, sha256, _JOBS),
            "parents": [each for each in linked if each.link.type is LinkType.parent],
            "tree": _tree(uow, caller, linked, {sha256}),
        }
    return page(request, visitor, "sample.html", **context)


def _latest(found: Sequence[analyses.Shown]) -> list[Analysis]:
    """The newest analysis of each worker."""
    newest: dict[tuple[str, str | None], Analysis] = {}
    for each in found:
        newest.setdefault((each.analysis.user_agent_name, each.analysis.profile), each.analysis)
    return sorted(newest.values(), key=lambda row: (-row.score, row.user_agent_name))


def _shown(uow: UnitOfWork, caller: Caller, row: Analysis, schema: Any) -> Shown:
    files: Sequence[Evidence] = ()
    if row.has_evidence:
        files = evidence.list_evidence(uow, caller, Place(row.sample_sha256, row.id), Page(50)).items
    return Shown(row, outline(row.result, schema), files)


def _tree(
    uow: UnitOfWork, caller: Caller, linked: Sequence[LinkView], seen: set[str], depth: int = 1
) -> list[Branch]:
    """What came out of the sample, level by level; every sample once."""
    branches = []
    for view in linked:
        reference = view.link.reference
        if view.link.type is LinkType.parent or reference in seen or len(seen) > _TREE_SIZE:
            continue
        seen.add(reference)
        branch = Branch(view)
        if view.referenced is not None and not view.dead and depth < _TREE_DEPTH:
            below = links.list_links(uow, caller, reference, Page(_TREE_SIZE)).items
            branch.below = _tree(uow, caller, below, seen, depth + 1)
        branches.append(branch)
    return branches


@router.get("/raw")
def raw(visitor: VisitorDep, app: App, sha256: Sha256) -> Response:
    """The bytes as they are: they may be malware."""
    visitor.caller.need(Role.viewer)
    with app.begin(write=False) as uow:
        row = samples.stored(uow, visitor.caller, sha256)
    return attachment(app.blobs.open(sha256), sha256, size=row.size)


@router.get("/infected")
def infected(visitor: VisitorDep, app: App, sha256: Sha256) -> Response:
    """A ZIP that the password ``infected`` opens."""
    visitor.caller.need(Role.viewer)
    with app.begin(write=False) as uow:
        samples.stored(uow, visitor.caller, sha256)
    file = scratch_file()
    samples.zip_infected(app.blobs.open(sha256), sha256, file)
    length = file.tell()
    file.seek(0)
    return attachment(file_chunks(file), f"{sha256}.zip", "application/zip", length)


@router.post("/again")
def run_again(visitor: VisitorDep, app: App, sha256: Sha256) -> Response:
    """A new job over the sample."""
    visitor.caller.need(Role.analyzer)
    with app.begin() as uow:
        fresh = jobs.reanalyse(uow, app.dispatch, app.settings, visitor.caller, sha256)
    return RedirectResponse(f"{PREFIX}/job/{fresh.job.id}", 303)
