"""Files found inside a sample are analysed as well, down to a depth and up to a number per root."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from orchestrator.domain.messages import Message
from orchestrator.domain.transition import NewChild
from orchestrator.services import planning
from orchestrator.settings import Settings
from orchestrator.store import findings as store
from orchestrator.store.recording import JobRow
from orchestrator.store.unit_of_work import UnitOfWork


def plan_children(
    uow: UnitOfWork, settings: Settings, found: Sequence[tuple[JobRow, NewChild]]
) -> list[Message]:
    """Plan a job for each child that has none under its root yet; does not commit."""
    deep = [(job, child) for job, child in found if job.depth < settings.max_child_depth]
    if not deep:
        return []
    roots = {job.root_job_id or job.id for job, _ in deep}
    known = store.samples_under(uow.session, roots)
    counts = Counter(root for root, _ in known)
    messages: list[Message] = []
    for job, child in deep:
        root = job.root_job_id or job.id
        # the root's own sample is under it as well
        if (root, child.sha256) in known or counts[root] > settings.max_children:
            continue
        known.add((root, child.sha256))
        counts[root] += 1
        wish = planning.Wish(
            customer_id=job.customer_id,
            submission_id=job.submission_id,
            priority=job.priority,
            depth=job.depth + 1,
            root_job_id=root,
            by="assay",
        )
        sample = store.sample(uow.session, child.sha256)
        messages += planning.plan(uow, settings, sample, wish).messages
    return messages
