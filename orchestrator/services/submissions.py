"""Submissions: one observation of a sample, and the job that it starts (contract section 5)."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from orchestrator.domain.caller import Caller
from orchestrator.domain.messages import Dispatch
from orchestrator.domain.paging import Found, Page, SortKey
from orchestrator.errors import AssayError, Denied, NotFound
from orchestrator.services import samples
from orchestrator.services.submitting import Asked, NewSubmission, add_all
from orchestrator.settings import Settings
from orchestrator.store import access as access_store
from orchestrator.store import samples as sample_store
from orchestrator.store import submissions as store
from orchestrator.store.tables import AccessGrant, SampleRow, Submission
from orchestrator.store.unit_of_work import UnitOfWork

__all__ = [
    "NewSubmission",
    "add_submission",
    "get_submission",
    "grants_of",
    "list_submissions",
    "touch",
]


def add_submission(
    uow: UnitOfWork, dispatch: Dispatch, settings: Settings, caller: Caller, sha256: str, new: NewSubmission
) -> Submission | None:
    """Record the submission and start its job, in one transaction.

    None where a similar one was seen within the configured window: accepted, but not stored (220).
    """
    added = add_all(uow, settings, [Asked(caller, sha256, new)])
    answer = added.answers[0]
    if isinstance(answer, AssayError):
        raise answer
    uow.commit()
    dispatch(added.messages)
    return answer.row if answer else None


def touch(uow: UnitOfWork, row: Submission) -> SampleRow:
    """Widen the sample's first and last moments to hold this submission's; does not commit."""
    sample = sample_store.lock_sample(uow.session, row.sample_sha256)
    if sample is None or sample.deleted_at:
        raise NotFound("sample", row.sample_sha256)
    sample.first_submitted_at = min(sample.first_submitted_at or row.submitted_at, row.submitted_at)
    sample.last_submitted_at = max(sample.last_submitted_at or row.submitted_at, row.submitted_at)
    sample.first_observed_at = min(sample.first_observed_at or row.observed_at, row.observed_at)
    sample.last_observed_at = max(sample.last_observed_at or row.observed_at, row.observed_at)
    return sample


def list_submissions(
    uow: UnitOfWork, caller: Caller, sha256: str, limit: int, offset: int
) -> Found[Submission]:
    """The sample's submissions that the caller may read, newest first."""
    samples.readable(uow, caller, sha256)
    page = Page(limit, offset, (SortKey("submittedTimestamp", descending=True),))
    return store.submissions_of(uow.session, caller, sha256, page)


def get_submission(uow: UnitOfWork, caller: Caller, sha256: str, submission_id: UUID) -> Submission:
    samples.known(uow, sha256)
    row = store.get_submission(uow.session, submission_id)
    if row is None or row.sample_sha256 != sha256:
        raise NotFound("submission", submission_id)
    if not store.is_readable(uow.session, caller, submission_id):
        raise Denied(f"submission {submission_id} is not shared with customer {caller.customer}")
    return row


def grants_of(uow: UnitOfWork, rows: Sequence[Submission]) -> dict[UUID, list[AccessGrant]]:
    """Who else each submission is shared with."""
    return access_store.grants_for(uow.session, [row.id for row in rows])
