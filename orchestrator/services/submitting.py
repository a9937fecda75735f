"""Many submissions in one transaction: each is accepted or refused by itself."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from orchestrator.domain.caller import Caller
from orchestrator.domain.clock import now
from orchestrator.domain.ids import new_id
from orchestrator.domain.messages import Message
from orchestrator.domain.vocabulary import Tlp
from orchestrator.errors import AssayError, Invalid, NotFound, Unavailable
from orchestrator.services import access, capacity, planning
from orchestrator.services import workers as registry
from orchestrator.services.reuse import reuse
from orchestrator.settings import Settings
from orchestrator.store import access as access_store
from orchestrator.store import samples as sample_store
from orchestrator.store import submissions as store
from orchestrator.store.samples import LockedSample
from orchestrator.store.tables import AccessGrant, Submission
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


@dataclass(frozen=True, slots=True)
class Asked:
    """One caller's submission of one sample."""

    caller: Caller
    sha256: str
    new: NewSubmission


@dataclass(frozen=True, slots=True)
class Submitted:
    """A stored submission, whom it is shared with, and the job that it started."""

    row: Submission
    grants: Sequence[AccessGrant]
    job_id: UUID


@dataclass(slots=True)
class Added:
    """The answers, in order (None: accepted, but not stored), and what to dispatch after the commit."""

    answers: list[Submitted | AssayError | None]
    messages: list[Message] = field(default_factory=list)


@dataclass(slots=True)
class _Draft:
    place: int
    sample: LockedSample
    row: Submission
    wish: planning.Wish
    new: NewSubmission


class _Desk:
    """What the submissions of one batch are held against."""

    def __init__(self, uow: UnitOfWork, settings: Settings, asked: Sequence[Asked]) -> None:
        self.uow, self.settings, self.at = uow, settings, now()
        self.tokens = sample_store.lock_tokens(
            uow.session, {each.new.challenge_id for each in asked}, self.at
        )
        self.samples = sample_store.lock_samples(uow.session, {each.sha256 for each in asked})
        self.used: list[UUID] = []
        self.full: Unavailable | None = None
        try:
            capacity.check(uow, settings)
        except Unavailable as error:
            self.full = error

    def take(self, place: int, asked: Asked) -> _Draft | None:
        """A good submission; None where it is not to be stored. Raises what is wrong with it."""
        caller, new = asked.caller, asked.new
        sample = self.samples.get(asked.sha256)
        if sample is None:
            raise NotFound("sample", asked.sha256)
        customer_id = access.customer_for(self.uow, caller, new.customer)
        if new.tlp is Tlp.red:
            raise Invalid("tlp", "red submissions are not accepted")
        if new.expiry_at is not None and new.expiry_at <= self.at:
            raise Invalid("retention", "must lie in the future")
        if self.full is not None:
            raise self.full
        self._check_token(asked)
        row = _row(new, caller, asked.sha256, customer_id, self.at)
        if self._is_similar(row):
            self._use(new.challenge_id)
            return None
        if sample.deleted_at:
            raise NotFound("sample", asked.sha256)
        named = None if new.workers is None else registry.names_of(self.uow, new.workers, "workers")
        if new.acl:
            access.grant(self.uow, caller, row.id, new.acl)
        self._use(new.challenge_id)
        wish = planning.Wish(customer_id, row.id, row.meta_data, workers=named, by=caller.user)
        return _Draft(place, sample, row, wish, new)

    def _check_token(self, asked: Asked) -> None:
        token = self.tokens.get(asked.new.challenge_id)
        good = (
            token is not None
            and token.sample_sha256 == asked.sha256
            and token.user_id == asked.caller.user_id
            and secrets.compare_digest(token.answer, asked.new.answer.lower())
        )
        if not good:
            raise Invalid("challengeToken", "the challenge token is wrong, used, expired or not yours")

    def _use(self, key: UUID) -> None:
        self.used.append(key)
        del self.tokens[key]

    def _is_similar(self, row: Submission) -> bool:
        window = self.settings.similar_submission_window
        return bool(window) and store.similar_since(
            self.uow.session, row, self.at - timedelta(seconds=window)
        )


def add_all(uow: UnitOfWork, settings: Settings, asked: Sequence[Asked]) -> Added:
    """Record the submissions and start their jobs; the caller commits, then dispatches."""
    desk = _Desk(uow, settings, asked)
    added = Added([None] * len(asked))
    drafts: list[_Draft] = []
    for place, each in enumerate(asked):
        try:
            if (draft := desk.take(place, each)) is not None:
                drafts.append(draft)
        except AssayError as error:
            added.answers[place] = error
    if desk.used:
        sample_store.use_tokens(uow.session, desk.used, desk.at)
    if drafts:
        _store(uow, settings, drafts, added)
    return added


def _store(uow: UnitOfWork, settings: Settings, drafts: Sequence[_Draft], added: Added) -> None:
    rows = [each.row for each in drafts]
    store.add_submissions(uow.session, rows)
    for draft in drafts:
        draft.sample.widen(draft.row.submitted_at, draft.row.observed_at)
    sample_store.write_moments(uow.session, {each.sample.sha256: each.sample for each in drafts}.values())
    plans = planning.plan_all(uow, settings, [(each.sample, each.wish) for each in drafts])
    for draft, planned in zip(drafts, plans.planned, strict=True):
        added.messages += reuse(uow, settings, planned) if draft.new.reuse else planned.messages
    grants = access_store.grants_for(uow.session, [each.row.id for each in drafts if each.new.acl])
    store.add_customers(uow.session, rows)
    for draft, planned in zip(drafts, plans.planned, strict=True):
        added.answers[draft.place] = Submitted(draft.row, grants.get(draft.row.id, ()), planned.job.id)


def _row(new: NewSubmission, caller: Caller, sha256: str, customer_id: int, at: datetime) -> Submission:
    row = Submission(
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
    row.search = Submission.keyword_text(lambda name: getattr(row, name))
    return row
