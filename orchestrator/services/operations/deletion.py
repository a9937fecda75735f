"""Deleting a sample completely, but for a minimal record (contract section 4)."""

from __future__ import annotations

from orchestrator.domain.clock import now
from orchestrator.domain.lifecycle import Actor
from orchestrator.domain.messages import Message
from orchestrator.domain.transition import Transition
from orchestrator.domain.vocabulary import JobTaskState
from orchestrator.services.operations.step import Context, Step
from orchestrator.services.recording import record
from orchestrator.store import deletion as store
from orchestrator.store.unit_of_work import UnitOfWork

#: Job tasks cancelled, and blobs removed, in one step.
_BATCH = 200


def delete_sample(uow: UnitOfWork, context: Context) -> Step:
    """Cancel what is open, then remove all rows in one transaction, then the bytes."""
    sha256 = str(context.arguments["sha256"])
    if "blobs" in context.cursor:
        return _remove_blobs(uow, context)
    cancelled, messages = _cancel(uow, sha256)
    if cancelled == _BATCH:
        return Step(cursor={"cancelled": True}, message=f"{cancelled} job tasks cancelled", messages=messages)
    # jobs before the sample: the recorder takes its locks in that order
    store.lock_jobs(uow.session, sha256)
    if not store.lock_stored_sample(uow.session, sha256):
        return Step(cursor=None, message=f"sample {sha256} is not stored", messages=messages)
    blobs = sorted({sha256, *store.evidence_checksums(uow.session, sha256)})
    removed = store.remove_all(uow.session, sha256, now())
    return Step(
        cursor={"blobs": blobs},
        message=f"sample {sha256} deleted",
        progress={name: str(count) for name, count in removed.items()},
        messages=messages,
    )


def _cancel(uow: UnitOfWork, sha256: str) -> tuple[int, list[Message]]:
    """Call off open job tasks over the sample: whoever runs one stops."""
    store.forget_pending(uow.session, sha256)
    rows = store.open_job_tasks(uow.session, sha256, _BATCH)
    at = now()
    transitions = [
        Transition(
            job_task_id=each,
            target=JobTaskState.cancelled,
            actor=Actor.cancel,
            at=at,
            message="the sample is being deleted",
            cause="deleted",
        )
        for each in rows
    ]
    return len(rows), record(uow, transitions).messages


def _remove_blobs(uow: UnitOfWork, context: Context) -> Step:
    """Remove those of the bytes that no sample and no evidence needs any more."""
    waiting: list[str] = list(context.cursor["blobs"])
    batch, rest = waiting[:_BATCH], waiting[_BATCH:]
    for sha256 in batch:
        if not store.lock_if_needed(uow.session, sha256):
            context.blobs.delete(sha256)
    return Step(cursor={"blobs": rest} if rest else None)
