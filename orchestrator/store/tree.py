"""What the tree of a sample reads: a level of links at a time, and how its samples are called."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from orchestrator.domain.caller import Caller
from orchestrator.domain.vocabulary import LinkType
from orchestrator.store.analyses import readable
from orchestrator.store.samples import readable_submissions
from orchestrator.store.tables import SampleLink, Submission

#: sample, what it relates to, how
Edge = tuple[str, str, LinkType]


def edges_below(session: Session, caller: Caller, sha256s: Collection[str], limit: int) -> Sequence[Edge]:
    """Links from these samples downwards that the caller may read, oldest first."""
    statement = (
        select(SampleLink.sample_sha256, SampleLink.reference, SampleLink.type)
        .where(
            SampleLink.sample_sha256.in_(sorted(sha256s)),
            SampleLink.type != LinkType.parent,
            readable(caller, SampleLink),
        )
        .order_by(SampleLink.created_at, SampleLink.id)
        .limit(limit)
    )
    return [(row.sample_sha256, row.reference, row.type) for row in session.execute(statement)]


def names_of(session: Session, caller: Caller, sha256s: Collection[str]) -> dict[str, str]:
    """The file name of each sample in the newest submission that the caller may read."""
    statement = (
        select(Submission.sample_sha256, Submission.file_name)
        .where(Submission.sample_sha256.in_(sorted(sha256s)), readable_submissions(caller))
        .order_by(Submission.submitted_at, Submission.id)
    )
    return {row.sample_sha256: row.file_name for row in session.execute(statement)}
