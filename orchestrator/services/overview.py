"""What the pages show of many jobs at once: lists, queues, rates. Always of a bounded window."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from orchestrator.domain import vocabulary
from orchestrator.domain.caller import Caller
from orchestrator.domain.clock import now
from orchestrator.domain.paging import Page
from orchestrator.domain.vocabulary import JobState, JobTaskState
from orchestrator.services import jobs
from orchestrator.settings import Settings
from orchestrator.store import overview as store
from orchestrator.store import workers as worker_store
from orchestrator.store.tables import Job, RegisteredWorker, WorkerProcess
from orchestrator.store.unit_of_work import UnitOfWork

#: How far back the pages look, in rows.
WINDOW = 5000
#: Where counting what is open ends.
MOST_OPEN = 100_000
#: How many failures of each worker are shown.
_FAILURES = 3
#: From which score on the pages call a sample so.
MALICIOUS = vocabulary.MALICIOUS
SUSPICIOUS = vocabulary.SUSPICIOUS
_BROKEN = frozenset({JobTaskState.failed, JobTaskState.timeout})
_RAN = frozenset({JobTaskState.success, JobTaskState.failed, JobTaskState.timeout})


@dataclass(frozen=True, slots=True)
class JobLine:
    """A job in a list."""

    job: Job
    file_name: str | None
    score: int | None


@dataclass(frozen=True, slots=True)
class Failure:
    """A job task that broke."""

    job_id: UUID
    at: datetime
    message: str


@dataclass(slots=True)
class WorkerLine:
    """A worker: who serves it, what waits for it, how it did of late."""

    name: str
    worker: RegisteredWorker | None = None
    processes: list[WorkerProcess] = field(default_factory=list)
    waiting: int = 0
    running: int = 0
    oldest: datetime | None = None
    done: int = 0
    failed: int = 0
    #: Executing and waiting times of late, in milliseconds.
    ran: list[int] = field(default_factory=list)
    waited: list[int] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    @property
    def median_ms(self) -> float | None:
        return statistics.median(self.ran) if self.ran else None

    @property
    def slowest_ms(self) -> int | None:
        return max(self.ran, default=None)


@dataclass(frozen=True, slots=True)
class Bucket:
    """What happened in a span of time that begins at ``start``."""

    start: datetime
    values: Sequence[float]


@dataclass(frozen=True, slots=True)
class Dashboard:
    """The last while at a glance."""

    since: datetime
    states: Counter[JobState]
    #: Jobs submitted, jobs ended.
    throughput: Sequence[Bucket]
    #: Median and 95th percentile of what job tasks waited, in milliseconds.
    waiting: Sequence[Bucket]
    #: Verdicts: malicious, suspicious, no findings.
    verdicts: Sequence[Bucket]
    workers: Sequence[WorkerLine]
    #: Whether there were more rows than the window holds.
    truncated: bool


def list_jobs(
    uow: UnitOfWork, caller: Caller, limit: int, state: JobState | None = None, before: datetime | None = None
) -> list[JobLine]:
    """The newest jobs, each with its file's name and its verdict's score."""
    return _lines(uow, store.newest_jobs(uow.session, caller, limit, state, before))


def jobs_of_sample(uow: UnitOfWork, caller: Caller, sha256: str, limit: int) -> list[JobLine]:
    return _lines(uow, store.jobs_of_sample(uow.session, caller, sha256, limit))


def _lines(uow: UnitOfWork, rows: Sequence[Job]) -> list[JobLine]:
    names = store.file_names(uow.session, [row.submission_id for row in rows if row.submission_id])
    scores = store.scores(uow.session, [row.id for row in rows])
    return [
        JobLine(row, names.get(row.submission_id) if row.submission_id else None, scores.get(row.id))
        for row in rows
    ]


def job_line(uow: UnitOfWork, caller: Caller, job_id: UUID) -> JobLine:
    """One job as it stands in a list."""
    return _lines(uow, [jobs.get_job(uow, caller, job_id).job])[0]


def job_of_submission(uow: UnitOfWork, submission_id: UUID) -> UUID | None:
    """The job that a submission started."""
    return store.job_of_submission(uow.session, submission_id)


def schemas(uow: UnitOfWork, names: Collection[str]) -> dict[str, Any]:
    """The JSON schema that each of these live workers registered for its results."""
    return worker_store.schemas_of(uow.session, names)


def processes(uow: UnitOfWork, settings: Settings) -> Sequence[WorkerProcess]:
    """The worker processes that live now."""
    return worker_store.processes_alive(uow.session, now() - timedelta(seconds=settings.worker_lease))


def workers(uow: UnitOfWork, settings: Settings, caller: Caller) -> list[WorkerLine]:
    """Every live worker, and every other one of which something is open."""
    lines: dict[str, WorkerLine] = {}
    for row in worker_store.find_workers(uow.session, Page(1000), include_deleted=False).items:
        lines[row.short_name] = WorkerLine(row.short_name, row)
    for process in processes(uow, settings):
        for name in process.workers:
            if name in lines:
                lines[name].processes.append(process)
    for (name, state), (count, oldest) in store.open_job_tasks(uow.session, MOST_OPEN).items():
        line = lines.setdefault(name, WorkerLine(name))
        if state is JobTaskState.enqueued:
            line.waiting, line.oldest = count, oldest
        else:
            line.running = count
    _add_endings(lines, store.endings(uow.session, caller, WINDOW))
    return sorted(lines.values(), key=lambda line: line.name)


def _add_endings(lines: dict[str, WorkerLine], endings: Iterable[Any]) -> None:
    for each in endings:
        line = lines.get(each.worker)
        if line is None or each.target not in _RAN:
            continue
        line.done += 1
        if each.ran_ms is not None:
            line.ran.append(each.ran_ms)
        if each.waited_ms is not None:
            line.waited.append(each.waited_ms)
        if each.target in _BROKEN:
            line.failed += 1
            if len(line.failures) < _FAILURES:
                line.failures.append(Failure(each.job_id, each.at, each.message or each.target))


def dashboard(uow: UnitOfWork, settings: Settings, caller: Caller, span: timedelta, count: int) -> Dashboard:
    """The last ``span`` in ``count`` buckets, of the newest :data:`WINDOW` rows at most."""
    until = now()
    since, step = until - span, span / count
    times = store.job_times(uow.session, caller, since, WINDOW)
    endings = store.endings(uow.session, caller, WINDOW)
    verdicts = [each for each in store.verdicts(uow.session, caller, WINDOW) if each.created_at >= since]
    grid = _Grid(since, step, count)
    in_, out = (
        grid.sort((each.enqueued_at, 1) for each in times),
        grid.sort((each.end_at, 1) for each in times if each.end_at),
    )
    waits = grid.sort((each.at, each.waited_ms) for each in endings if each.waited_ms is not None)
    drawn = grid.sort((each.created_at, each.score) for each in verdicts)
    return Dashboard(
        since=since,
        states=Counter(each.state for each in times),
        throughput=grid.buckets([len(a), len(b)] for a, b in zip(in_, out, strict=True)),
        waiting=grid.buckets([_quantile(each, 0.5), _quantile(each, 0.95)] for each in waits),
        verdicts=grid.buckets(_levels(each) for each in drawn),
        workers=workers(uow, settings, caller),
        truncated=len(times) >= WINDOW,
    )


@dataclass(frozen=True, slots=True)
class _Grid:
    """A span of time in equal buckets."""

    start: datetime
    step: timedelta
    count: int

    def sort(self, values: Iterable[tuple[datetime, int]]) -> list[list[int]]:
        """The values of each bucket; what lies outside the span is left out."""
        found: dict[int, list[int]] = defaultdict(list)
        for at, value in values:
            found[(at - self.start) // self.step].append(value)
        return [found[index] for index in range(self.count)]

    def buckets(self, rows: Iterable[Sequence[float]]) -> list[Bucket]:
        return [Bucket(self.start + index * self.step, row) for index, row in enumerate(rows)]


def _quantile(values: Sequence[int], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def _levels(scores: Sequence[int]) -> list[float]:
    """How many are malicious, suspicious, and neither."""
    high = sum(score >= MALICIOUS for score in scores)
    middle = sum(SUSPICIOUS <= score < MALICIOUS for score in scores)
    return [high, middle, len(scores) - high - middle]
