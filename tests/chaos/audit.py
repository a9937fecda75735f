"""What must hold over the whole store when a storm is over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from pathlib import Path
from uuid import UUID

from sqlalchemy import select

from orchestrator.domain.lifecycle import FINAL, Actor
from orchestrator.domain.vocabulary import JobState, JobTaskState
from orchestrator.store.tables import Analysis, Job, JobTask, JobTaskEvent, Submission
from orchestrator.store.unit_of_work import Begin

_CLOSED = frozenset({JobState.done, JobState.timeout})


@dataclass
class Findings:
    """How many job tasks there are, and what is wrong with which of them."""

    job_tasks: int = 0
    attempts: int = 0
    states: Counter[JobTaskState] = field(default_factory=Counter)
    causes: Counter[str] = field(default_factory=Counter)
    #: submissions that were answered 201 and are not there, or jobs of theirs
    lost: list[object] = field(default_factory=list)
    #: jobs and job tasks that are not closed
    stuck: list[object] = field(default_factory=list)
    #: final rows, analyses, or runs of the same attempt, beyond the one
    doubled: list[object] = field(default_factory=list)
    #: histories that contradict themselves, or their job task
    crooked: list[object] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        return not (self.lost or self.stuck or self.doubled or self.crooked)


def audit(begin: Begin, submissions: Sequence[UUID], planted: Sequence[UUID], ledger: Path) -> Findings:
    """Look at every row."""
    with begin(write=False) as uow:
        session = uow.session
        known = set(session.scalars(select(Submission.id)))
        jobs = list(session.scalars(select(Job)))
        job_tasks = list(session.scalars(select(JobTask)))
        events = list(
            session.scalars(select(JobTaskEvent).order_by(JobTaskEvent.job_task_id, JobTaskEvent.id))
        )
        analyses = Counter(session.scalars(select(Analysis.recorded_for)))
    found = Findings(job_tasks=len(job_tasks), attempts=sum(each.attempt - 1 for each in job_tasks))
    found.states.update(each.state for each in job_tasks)
    found.causes.update(each.cause for each in events if each.cause)
    of_submissions = {each.submission_id for each in jobs}
    with_tasks = {each.job_id for each in job_tasks}
    found.lost += [each for each in submissions if each not in known or each not in of_submissions]
    found.lost += [each for each in planted if each not in with_tasks]
    found.stuck += [each.id for each in jobs if each.state not in _CLOSED]
    found.stuck += [each.id for each in job_tasks if each.state not in FINAL]
    histories = {key: list(rows) for key, rows in groupby(events, lambda each: each.job_task_id)}
    for row in job_tasks:
        _check(row, histories.get(row.id, []), analyses[row.id], found)
    _check_runs(histories, _runs(ledger), found)
    return found


def _check(row: JobTask, history: Sequence[JobTaskEvent], analyses: int, found: Findings) -> None:
    finals = [each for each in history if each.target in FINAL]
    if len(finals) > 1 or analyses > 1:
        found.doubled.append((row.id, len(finals), analyses))
    if len(finals) < 1 or (row.state is JobTaskState.success) != (analyses == 1):
        found.crooked.append((row.id, "outcome", row.state, len(finals), analyses))
    last = history[-1] if history else None
    if last is None or (last.target, last.attempt) != (row.state, row.attempt):
        found.crooked.append((row.id, "the last row is another"))
    for before, after in pairwise(history):
        more = before.target is JobTaskState.enqueued and before.source is not None
        if after.source is not before.target or after.attempt != before.attempt + more:
            found.crooked.append((row.id, "a gap", before.id, after.id))
    found.crooked += [(row.id, "a loss that does not say what was lost", each.id) for each in _vague(history)]


def _vague(history: Iterable[JobTaskEvent]) -> list[JobTaskEvent]:
    """Losses of a worker process that leave open what was lost where, and how long it had run."""
    losses = [each for each in history if each.cause == "lost" or each.actor is Actor.lost]
    told = ("cause", "host", "worker_version", "ran_ms", "message")
    return [each for each in losses if any(getattr(each, name) is None for name in told)]


def _runs(ledger: Path) -> Counter[tuple[UUID, int]]:
    lines = ledger.read_text().splitlines() if ledger.exists() else []
    return Counter((UUID(key), int(attempt)) for key, attempt, _ in (line.split() for line in lines))


def _check_runs(
    histories: dict[UUID, list[JobTaskEvent]], runs: Counter[tuple[UUID, int]], found: Findings
) -> None:
    """Each attempt ran once at most, and only after it was recorded as executing."""
    begun: Collection[tuple[UUID, int]] = {
        (each.job_task_id, each.attempt)
        for history in histories.values()
        for each in history
        if each.target is JobTaskState.executing
    }
    found.doubled += [(key, "runs", count) for key, count in runs.items() if count > 1]
    found.crooked += [(key, "ran without a claim") for key in runs if key not in begun]
