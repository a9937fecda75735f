"""Classifications (contract section 7)."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool

from orchestrator.api.dependencies import DEFAULT_LIMIT, App, Limit, Offset, Reading, Sha256Path, SortBy
from orchestrator.api.envelope import Envelope, JsonResponse, ListEnvelope, page, single
from orchestrator.api.schemas.classification import ClassificationResponse
from orchestrator.api.security import CallerDep, SecuredRoute, needs
from orchestrator.domain.caller import Caller
from orchestrator.domain.paging import Page, sort_keys
from orchestrator.domain.vocabulary import Role
from orchestrator.services import classifications
from orchestrator.services.application import Application
from orchestrator.services.classifications import Reclassification
from orchestrator.store.tables import SampleClassification

router = APIRouter(prefix="/sampledb/v2/sample/{sha256}", route_class=SecuredRoute, tags=["classifications"])

#: Between two looks for a reclassification's outcome, in seconds.
_PAUSE = 0.05
_LONGEST_PAUSE = 0.5


@router.get(
    "/classification", operation_id="listClassifications", response_model=ListEnvelope[ClassificationResponse]
)
@needs(Role.viewer)
def list_classifications(
    caller: CallerDep,
    uow: Reading,
    sha256: Sha256Path,
    limit: Limit = DEFAULT_LIMIT,
    offset: Offset = 0,
    sort_by: SortBy = [],
) -> JsonResponse:
    """The sample's classifications, newest first unless sorted otherwise."""
    wanted = Page(limit, offset, sort_keys(sort_by, classifications.SORT_KEYS, "-createdTimestamp"))
    return page(classifications.list_classifications(uow, caller, sha256, wanted), ClassificationResponse.of)


@router.put("/reclassify", operation_id="reclassifySample", response_model=Envelope[ClassificationResponse])
@needs(Role.analyzer)
async def reclassify_sample(caller: CallerDep, app: App, sha256: Sha256Path) -> JsonResponse:
    """Have the classifying workers look at the sample anew, and answer with what they say.

    No thread is held while they work. Those that take longer than ``reclassify_wait`` seconds append their
    classification later; the answer is then the present one, or ``unknown``.
    """
    started = await run_in_threadpool(_start, app, caller, sha256)
    loop = asyncio.get_running_loop()
    until, pause = loop.time() + app.settings.reclassify_wait, _PAUSE
    found = await run_in_threadpool(_outcome, app, started)
    while found is None and loop.time() < until:
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
        found = await run_in_threadpool(_outcome, app, started)
    return single(ClassificationResponse.of(found or started.fallback()))


def _start(app: Application, caller: Caller, sha256: str) -> Reclassification:
    with app.begin() as uow:
        return classifications.reclassify(uow, app.dispatch, app.settings, caller, sha256)


def _outcome(app: Application, started: Reclassification) -> SampleClassification | None:
    with app.begin(write=False) as uow:
        return classifications.outcome(uow, started)
