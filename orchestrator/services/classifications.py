"""Classifications: what kind of file a sample is (contract section 7).

Only a classifying worker can tell, and it runs in the sandbox. So :func:`reclassify` starts a job of the
classifying workers alone, without a verdict at its end; their finding is appended as the sample's latest
classification when they are done. :func:`outcome` says what has come of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from orchestrator.domain.caller import Caller
from orchestrator.domain.clock import now
from orchestrator.domain.messages import Dispatch
from orchestrator.domain.paging import Found, Page
from orchestrator.services import access, planning
from orchestrator.services.samples import readable, stored
from orchestrator.settings import Settings
from orchestrator.store import classifications as store
from orchestrator.store import submissions as submission_store
from orchestrator.store.classifications import SORT_KEYS
from orchestrator.store.tables import SampleClassification
from orchestrator.store.unit_of_work import UnitOfWork

__all__ = ["SORT_KEYS", "Reclassification", "list_classifications", "outcome", "reclassify"]

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Reclassification:
    """A reclassification under way. ``job_id`` is None where no classifying worker is registered."""

    sha256: str
    job_id: UUID | None
    present: SampleClassification | None
    version: str

    def fallback(self) -> SampleClassification:
        """What is known as long as no classifying worker has answered; not a row of the store."""
        return self.present or SampleClassification(
            sample_sha256=self.sha256,
            type=UNKNOWN,
            super_type=UNKNOWN,
            arch="",
            platform="",
            version=self.version,
            meta_data={},
            created_at=now(),
        )


def list_classifications(
    uow: UnitOfWork, caller: Caller, sha256: str, page: Page
) -> Found[SampleClassification]:
    readable(uow, caller, sha256)
    return store.list_classifications(uow.session, sha256, page)


def reclassify(
    uow: UnitOfWork, dispatch: Dispatch, settings: Settings, caller: Caller, sha256: str
) -> Reclassification:
    """Start the classifying workers on the sample anew."""
    sample = stored(uow, caller, sha256)
    present = store.latest(uow.session, sha256)
    workers = store.classifiers(uow.session)
    version = workers[0][1] if workers else ""
    if not workers:
        return Reclassification(sha256, None, present, version)
    submission = submission_store.latest_readable(uow.session, caller, sha256)
    wish = planning.Wish(
        access.customer_for(uow, caller, None),
        submission.id if submission else None,
        submission.meta_data if submission else {},
        workers=[name for name, _ in workers],
        by=caller.user,
        judged=False,
    )
    planned = planning.plan(uow, settings, sample, wish)
    uow.commit()
    dispatch(planned.messages)
    return Reclassification(sha256, planned.job.id, present, version)


def outcome(uow: UnitOfWork, started: Reclassification) -> SampleClassification | None:
    """The new classification; where the job ended without one, the old; None while it is under way."""
    closed = started.job_id is None or store.is_closed(uow.session, started.job_id)
    latest = store.latest(uow.session, started.sha256)
    before = started.present.id if started.present else None
    if latest is not None and latest.id != before:
        return latest
    return started.fallback() if closed else None
