"""Submissions: one observation of a sample, and the job that it starts (contract section 5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from orchestrator.domain.caller import Caller
from orchestrator.domain.clock import now
from orchestrator.domain.ids import new_id
from orchestrator.domain.messages import Dispatch
from orchestrator.domain.paging import Found, Page, SortKey
from orchestrator.domain.vocabulary import Tlp
from orchestrator.errors import Denied, Invalid, NotFound, Unavailable
from orchestrator.services import access, planning, samples
from orchestrator.services import workers as registry
from orchestrator.services.reuse import reuse
from orchestrator.settings import Settings
from orchestrator.store import access as access_store
from orchestrator.store import jobs as job_store
from orchestrator.store import samples as sample_store
from orchestrator.store import submissions as store
from orchestrator.store.tables import AccessGrant, SampleRow, Submission
from orchestrator.store.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSubmission:
    """What a client tells of its observation."""

    challenge_id: UUID
    answer: str
    file_name: str
    user_agent_name: str
    user_agent_version: str
    customer: str | None = None
    observed_at: datetime | None = None
    mime_type: str = "application/octet-stream"
    meta_data: Mapping[str, str] = field(default_factory=dict)
    tlp: Tlp = Tlp.amber
    acl: Sequence[str] = ()
    expiry_at: datetime | None = None
    #: Instead of the policy's selection, where given.
    workers: Sequence[str] | None = None
    #: Whether what was found lately may stand for a run, where the settings have a window for it.
    reuse: bool = True


def add_submission(
    uow: UnitOfWork, dispatch: Dispatch, settings: Settings, caller: Caller, sha256: str, new: NewSubmission
) -> Submission | None:
    """Record the submission and start its job, in one transaction.

    None where a similar one was seen within the configured window: accepted, but not stored (220).
    """
    samples.known(uow, sha256)
    customer_id = access.customer_for(uow, caller, new.customer)
    at = now()
    if new.tlp is Tlp.red:
        raise Invalid("tlp", "red submissions are not accepted")
    if new.expiry_at is not None and new.expiry_at <= at:
        raise Invalid("retention", "must lie in the future")
    _check_room(uow, settings)
    samples.redeem(uow, caller, sha256, new.challenge_id, new.answer)
    row = _row(new, caller, sha256, customer_id, at)
    window = settings.similar_submission_window
    if window and store.similar_since(uow.session, row, at - timedelta(seconds=window)):
        uow.commit()
        return None
    uow.session.add(row)
    uow.flush()
    access.grant(uow, caller, row.id, new.acl)
    sample = touch(uow, row)
    workers = None if new.workers is None else registry.names_of(uow, new.workers, "workers")
    wish = planning.Wish(customer_id, row.id, row.meta_data, workers=workers, by=caller.user)
    planned = planning.plan(uow, settings, sample, wish)
    messages = reuse(uow, settings, planned) if new.reuse else planned.messages
    uow.commit()
    dispatch(messages)
    return store.get_submission(uow.session, row.id)


def _check_room(uow: UnitOfWork, settings: Settings) -> None:
    limit = settings.max_open_job_tasks
    if limit and job_store.open_job_tasks(uow.session) >= limit:
        raise Unavailable(f"{limit} job tasks are waiting already; try again later", retry_after=30)


def _row(new: NewSubmission, caller: Caller, sha256: str, customer_id: int, at: datetime) -> Submission:
    return Submission(
        id=new_id(),
        sample_sha256=sha256,
        customer_id=customer_id,
        user_id=caller.user_id,
        file_name=new.file_name,
        mime_type=new.mime_type,
        meta_data=dict(new.meta_data),
        tlp=new.tlp,
        user_agent_name=new.user_agent_name,
        user_agent_version=new.user_agent_version,
        observed_at=new.observed_at or at,
        submitted_at=at,
        expiry_at=new.expiry_at,
        flags=[],
    )


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
