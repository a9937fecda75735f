"""The one writer of job task state.

Whoever wants a job task to move, an analyzer over the API, a cancel, Celery's signals or the sweep, hands
its wishes to :func:`record`, many at a time. The state machine (``domain/lifecycle.py``) decides each.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from types import MappingProxyType
from typing import Any
from uuid import UUID

from orchestrator import tracing
from orchestrator.domain.clock import now
from orchestrator.domain.lifecycle import FINAL, Actor, sources
from orchestrator.domain.messages import Message
from orchestrator.domain.transition import NewChild, Transition
from orchestrator.domain.vocabulary import JobState, JobTaskState
from orchestrator.services import findings, planning, verdicts
from orchestrator.store import recording as store
from orchestrator.store.recording import JobRow, JobTaskRow
from orchestrator.store.unit_of_work import UnitOfWork

__all__ = ["Recorded", "Transition", "record", "settle"]

_MILLISECOND = timedelta(milliseconds=1)


@dataclass(slots=True)
class Recorded:
    """What became of a batch. ``messages`` are to be dispatched once it is committed."""

    applied: list[Transition] = field(default_factory=list)
    #: with the state that the job task is in; None: there is no such job task
    refused: list[tuple[Transition, JobTaskState | None]] = field(default_factory=list)
    closed_jobs: list[UUID] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    #: files that were found inside samples, with the jobs that found them
    children: list[tuple[JobRow, NewChild]] = field(default_factory=list)
    #: the job tasks as they are now
    rows: dict[UUID, JobTaskRow] = field(default_factory=dict)


@dataclass(slots=True)
class _Batch:
    jobs: dict[UUID, JobRow]
    rows: dict[UUID, JobTaskRow]
    #: state and attempt of a row before the batch
    before: dict[UUID, tuple[JobTaskState, int]] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    by: str | None = None
    host: str | None = None


def record(
    uow: UnitOfWork,
    transitions: Sequence[Transition],
    *,
    by: str | None = None,
    host: str | None = None,
    known: Mapping[UUID, JobTaskRow] = MappingProxyType({}),
) -> Recorded:
    """Apply what the state machine allows, in one batch; the caller commits, then dispatches.

    Writes the job tasks, one history row for each applied transition, and what the workers found; starts
    the jobs that begin, closes those whose last job task became final, and has their verdicts drawn.
    ``by`` and ``host`` are for transitions that do not say who made them. ``known`` are job tasks as the
    caller left them, which need not be read; the rows are changed here. Where one is no longer so,
    :class:`~orchestrator.store.recording.ConcurrentChange` tells, and nothing of the batch holds.
    """
    recorded = Recorded()
    if not transitions:
        return recorded
    unknown = {each.job_task_id for each in transitions if each.job_task_id not in known}
    jobs, rows = store.lock(uow.session, unknown, {each.job_id for each in known.values()})
    rows |= {key: row for key, row in known.items() if row.job_id in jobs}
    batch = _Batch(jobs, rows, by=by, host=host)
    for transition in transitions:
        row = batch.rows.get(transition.job_task_id)
        if row is None or not _legal(row, transition):
            recorded.refused.append((transition, row.state if row else None))
        else:
            _advance(batch, row, transition)
            recorded.applied.append(transition)
        if row is not None:
            recorded.rows[row.id] = row
    if recorded.applied:
        _write(uow, batch, recorded)
    return recorded


def settle(uow: UnitOfWork, jobs: Collection[JobRow], at: datetime, recorded: Recorded) -> None:
    """Close those of the jobs, locked by the caller, that no open job task is left of."""
    if not jobs:
        return
    candidates = {job.id: job for job in jobs}
    waiting = [job.id for job in jobs if job.pending_workers]
    if waiting:
        recorded.messages += planning.after_classification(uow, waiting)
    still_open, timed_out = store.remaining(uow.session, candidates)
    idle = candidates.keys() - still_open
    if not idle:
        return
    late = {each for each in idle if candidates[each].deadline_at <= at}
    closing = {each: JobState.timeout if each in late & timed_out else JobState.done for each in sorted(idle)}
    store.close_jobs(uow.session, closing, at)
    verdicts.judge(uow, list(closing))
    recorded.closed_jobs += closing
    for key, state in closing.items():
        tracing.ended(key, at, state=state.value)


_sources = cache(sources)


def _legal(row: JobTaskRow, transition: Transition) -> bool:
    return row.state in _sources(transition.target, transition.actor) and transition.attempt in (
        None,
        row.attempt,
    )


def _advance(batch: _Batch, row: JobTaskRow, transition: Transition) -> None:
    """Move the row in memory and note its history."""
    batch.before.setdefault(row.id, (row.state, row.attempt))
    source, attempt = row.state, row.attempt
    waited, ran = _times(row, transition)
    if transition.target is JobTaskState.enqueued:
        row.attempt += 1
        row.start_at = row.process_id = None
        row.due_at = transition.due_at or transition.at
    elif transition.target is JobTaskState.executing:
        row.start_at = row.start_at or transition.at
        row.process_id = transition.process_id
    else:
        row.start_at = row.start_at or transition.at
        row.end_at = max(transition.at, row.start_at)
    row.state = transition.target
    if transition.message is not None or transition.actor is not Actor.client:
        row.message = transition.message
    batch.events.append(
        {
            "job_task_id": row.id,
            "attempt": attempt,
            "source": source,
            "target": transition.target,
            "at": transition.at,
            "actor": transition.actor,
            "by": transition.by or batch.by,
            "cause": transition.cause,
            "message": transition.message,
            "host": transition.host or batch.host,
            "worker_version": transition.worker_version,
            "waited_ms": waited,
            "ran_ms": ran,
        }
    )


def _times(row: JobTaskRow, transition: Transition) -> tuple[int | None, int | None]:
    """How long the job task waited and ran, in milliseconds; a clock that stepped back counts as 0."""
    waited, ran = transition.waited_ms, transition.ran_ms
    if waited is None and row.start_at is None:
        waited = max(0, (transition.at - row.due_at) // _MILLISECOND)
    if ran is None and row.start_at is not None and transition.target is not JobTaskState.executing:
        ran = max(0, (transition.at - row.start_at) // _MILLISECOND)
    return waited, ran


def _write(uow: UnitOfWork, batch: _Batch, recorded: Recorded) -> None:
    session = uow.session
    at = max(each.at for each in recorded.applied)
    store.write(session, [(batch.rows[key], *was) for key, was in sorted(batch.before.items())], batch.events)
    _store_findings(uow, batch, recorded)
    begun = {
        batch.rows[each.job_task_id].job_id
        for each in recorded.applied
        if each.target is not JobTaskState.enqueued
    }
    fresh = sorted(each for each in begun if batch.jobs[each].state is JobState.enqueued)
    if fresh:
        store.start_jobs(session, fresh, at)
    ended = {batch.rows[each.job_task_id].job_id for each in recorded.applied if each.target in FINAL}
    still_open = (JobState.enqueued, JobState.executing)
    settle(
        uow,
        [batch.jobs[each] for each in sorted(ended) if batch.jobs[each].state in still_open],
        at,
        recorded,
    )


def _store_findings(uow: UnitOfWork, batch: _Batch, recorded: Recorded) -> None:
    found = []
    for transition in recorded.applied:
        row = batch.rows[transition.job_task_id]
        if transition.analyses:
            store.attach(uow.session, row.id, row.job_id, transition.analyses)
        if transition.findings is not None:
            found.append((row.id, batch.jobs[row.job_id], transition.findings))
    if found:
        findings.store(uow, found, now())
        recorded.children += [(job, child) for _, job, new in found for child in new.children]
