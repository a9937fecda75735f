"""Challenges and submissions of a sample (contract sections 5.1 and 5.2)."""

from __future__ import annotations

from asyncio import wrap_future
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path

from orchestrator import tracing
from orchestrator.api.dependencies import (
    DEFAULT_LIMIT,
    App,
    Create,
    Limit,
    Offset,
    Reading,
    Sha256Path,
    Writing,
)
from orchestrator.api.envelope import Envelope, JsonResponse, ListEnvelope, page, single
from orchestrator.api.schemas.submission import (
    ChallengeResponse,
    RateLimited,
    SubmissionAddRequest,
    SubmissionResponse,
)
from orchestrator.api.security import CallerDep, SecuredRoute, needs
from orchestrator.domain.vocabulary import Role
from orchestrator.services import samples, submissions

#: Accepted, but deliberately not stored (contract section 1.2).
NOT_STORED = 220

router = APIRouter(prefix="/sampledb/v2/sample/{sha256}", route_class=SecuredRoute, tags=["submissions"])


@router.post("/challenge", operation_id="getUploadChallenge", response_model=Envelope[ChallengeResponse])
@needs(Role.uploader)
def get_upload_challenge(caller: CallerDep, uow: Writing, app: App, sha256: Sha256Path) -> JsonResponse:
    """Ask for a challenge: 404 means upload the sample, 422 that it is too small to ask about."""
    challenge = samples.ask(uow, app.blobs, caller, sha256, app.settings)
    return single(ChallengeResponse(id=str(challenge.id), offset=challenge.offset, length=challenge.length))


@router.post(
    "/submission",
    operation_id="addSubmission",
    status_code=201,
    response_model=Envelope[SubmissionResponse],
    responses={NOT_STORED: {"model": Envelope[RateLimited]}},
)
@needs(Role.uploader)
async def add_submission(
    caller: CallerDep, create: Create, sha256: Sha256Path, body: SubmissionAddRequest
) -> JsonResponse:
    """Record an observation of a sample, and start a job over it, which ``metaData`` names."""
    done = await wrap_future(create.submit(caller, sha256, body.to_domain()))
    if done is None:
        return single(RateLimited(sample_sha256=sha256), NOT_STORED)
    tracing.submitted(done.job_id)
    return single(SubmissionResponse.of(done.row, done.grants), 201, meta={"job": str(done.job_id)})


@router.get("/submission", operation_id="listSubmissions", response_model=ListEnvelope[SubmissionResponse])
@needs(Role.viewer)
def list_submissions(
    caller: CallerDep, uow: Reading, sha256: Sha256Path, limit: Limit = DEFAULT_LIMIT, offset: Offset = 0
) -> JsonResponse:
    found = submissions.list_submissions(uow, caller, sha256, limit, offset)
    grants = submissions.grants_of(uow, found.items)
    return page(found, lambda row: SubmissionResponse.of(row, grants[row.id]))


@router.get(
    "/submission/{submissionID}", operation_id="getSubmission", response_model=Envelope[SubmissionResponse]
)
@needs(Role.viewer)
def get_submission(
    caller: CallerDep,
    uow: Reading,
    sha256: Sha256Path,
    submission_id: Annotated[UUID, Path(alias="submissionID")],
) -> JsonResponse:
    row = submissions.get_submission(uow, caller, sha256, submission_id)
    return single(SubmissionResponse.of(row, submissions.grants_of(uow, [row])[row.id]))
