"""Submitting files: the browser sends each as a raw body, so that none is ever whole in memory."""

from __future__ import annotations

import re
from importlib.metadata import version
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import Field, TypeAdapter, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, JSONResponse, Response

from orchestrator.domain.caller import Caller
from orchestrator.domain.paging import Page, SortKey
from orchestrator.domain.vocabulary import Role, Tlp
from orchestrator.errors import AssayError, Invalid
from orchestrator.services import overview, samples, submissions, workers
from orchestrator.services.application import Application
from orchestrator.services.submissions import NewSubmission
from orchestrator.store.spool import Spool
from orchestrator.streams import receive
from orchestrator.web.rendering import fragment, page
from orchestrator.web.security import PREFIX, App, VisitorDep

router = APIRouter()

Text = Annotated[str, Field(max_length=4096)]
_META_DATA = TypeAdapter(Annotated[dict[Text, Text], Field(max_length=256)])
_SHA256 = re.compile("[0-9a-f]{64}")


@router.get("/submit")
def ask(request: Request, visitor: VisitorDep, app: App) -> Response:
    visitor.caller.need(Role.uploader)
    page_ = Page(1000, sort=(SortKey("shortName"),))
    with app.begin(write=False) as uow:
        found = workers.list_workers(uow, page_, include_deleted=False).items
    levels = [each for each in Tlp if each is not Tlp.red]
    return page(
        request, visitor, "submit.html", workers=found, tlps=levels, limit=app.settings.max_sample_size
    )


@router.get("/known/{sha256}")
def known(visitor: VisitorDep, app: App, sha256: str) -> Response:
    """What is known of a file at once, as a part of a page; nothing where it is unknown or not to be seen."""
    visitor.caller.need(Role.viewer)
    if not _SHA256.fullmatch(sha256):
        return HTMLResponse("")
    try:
        with app.begin(write=False) as uow:
            row = samples.stored(uow, visitor.caller, sha256)
            described = samples.describe(uow, [row])[0]
    except AssayError:
        return HTMLResponse("")
    return HTMLResponse(fragment("known.html", each=described))


# ends in /sample: such a body may be as large as a sample, any other is cut off sooner
@router.post("/submit/sample")
async def submit(
    request: Request,
    visitor: VisitorDep,
    app: App,
    name: Annotated[str, Query(min_length=1, max_length=4096)],
    tlp: Tlp = Tlp.amber,
    mime: Annotated[str, Query(max_length=255)] = "",
    meta: Annotated[str, Query(max_length=65536)] = "{}",
    worker: Annotated[list[str], Query(max_length=200)] = [],  # noqa: B006 - FastAPI copies it
) -> Response:
    """Take one file in and start its job; where that is, as JSON."""
    visitor.caller.need(Role.uploader)
    details: dict[str, object] = {"file_name": _clean("name", name), "tlp": tlp, "workers": worker or None}
    details["meta_data"] = _meta_data(meta)
    if mime:
        details["mime_type"] = _clean("mime", mime)
    spool = await run_in_threadpool(app.blobs.spool)
    with spool:
        await receive(request, spool, app.settings.max_sample_size)
        return await run_in_threadpool(_keep, app, visitor.caller, spool, details)


def _clean(field: str, text: str) -> str:
    """The text, unless PostgreSQL would refuse it."""
    if "\0" in text:
        raise Invalid(field, "must not contain NUL")
    return text


def _meta_data(text: str) -> dict[str, str]:
    try:
        found = _META_DATA.validate_json(text)
    except ValidationError:
        raise Invalid("meta", "must be an object of texts") from None
    return {_clean("meta", key): _clean("meta", value) for key, value in found.items()}


def _keep(app: Application, caller: Caller, spool: Spool, details: dict[str, object]) -> Response:
    facts = samples.accept(app.blobs, spool)
    with app.begin() as uow:
        uploaded = samples.add_sample(uow, caller, facts, app.settings)
    new = NewSubmission(
        challenge_id=uploaded.challenge.id,
        answer=uploaded.challenge.answer,
        user_agent_name="assay-web",
        user_agent_version=version("assay"),
        **details,  # type: ignore[arg-type]
    )
    with app.begin() as uow:
        row = submissions.add_submission(uow, app.dispatch, app.settings, caller, facts.sha256, new)
        job_id = overview.job_of_submission(uow, row.id) if row else None
    target = f"{PREFIX}/job/{job_id}" if job_id else f"{PREFIX}/sample/{facts.sha256}"
    return JSONResponse({"sha256": facts.sha256, "exists": uploaded.exists, "url": target}, 201)
