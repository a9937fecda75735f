"""Files found inside a sample are analysed as well, down to a depth and up to a number per root."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version

from orchestrator.domain.clock import now
from orchestrator.domain.ids import new_id
from orchestrator.domain.messages import Message
from orchestrator.domain.transition import NewChild
from orchestrator.domain.vocabulary import Tlp
from orchestrator.services import access, planning, submissions
from orchestrator.services.access import SERVICE_USER
from orchestrator.services.reuse import reuse
from orchestrator.settings import Settings
from orchestrator.store import findings as store
from orchestrator.store.recording import JobRow
from orchestrator.store.tables import Submission
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
    tlps = store.tlp_of_jobs(uow.session, {job.id for job, _ in deep})
    counts = Counter(root for root, _ in known)
    wanted: list[tuple[planning.Sample, planning.Wish]] = []
    for job, child in deep:
        root = job.root_job_id or job.id
        # the root's own sample is under it as well
        if (root, child.sha256) in known or counts[root] > settings.max_children:
            continue
        known.add((root, child.sha256))
        counts[root] += 1
        submission = _submission(uow, job, child, tlps.get(job.id, Tlp.amber))
        wish = planning.Wish(
            customer_id=job.customer_id,
            submission_id=submission.id,
            priority=job.priority,
            depth=job.depth + 1,
            root_job_id=root,
            by=SERVICE_USER,
        )
        wanted.append((store.sample(uow.session, child.sha256), wish))
    plans = planning.plan_all(uow, settings, wanted)
    return [message for each in plans.planned for message in reuse(uow, settings, each)]


def _submission(uow: UnitOfWork, job: JobRow, child: NewChild, tlp: Tlp) -> Submission:
    """The observation of a child, in the name of its root's customer: without one, nobody could see it."""
    at = now()
    row = Submission(
        id=new_id(),
        sample_sha256=child.sha256,
        customer_id=job.customer_id,
        user_id=access.service_user(uow).id,
        file_name=child.file_name or child.sha256,
        mime_type="application/octet-stream",
        meta_data={"extractedFrom": job.sample_sha256},
        tlp=tlp,
        user_agent_name=SERVICE_USER,
        user_agent_version=version(SERVICE_USER),
        observed_at=at,
        submitted_at=at,
        flags=[],
    )
    uow.session.add(row)
    uow.flush()
    submissions.touch(uow, row)
    return row
