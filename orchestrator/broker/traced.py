"""The parts of a worker process that also tell the traces what they do; made only while tracing is on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orchestrator import tracing
from orchestrator.broker.analyst import Analyse
from orchestrator.broker.claiming import Received
from orchestrator.broker.recorder import Batch, Recorder
from orchestrator.domain.transition import Transition
from orchestrator.sandbox import Outcome, Sandbox
from orchestrator.services.executing import Assignment
from orchestrator.services.outcomes import Committed
from orchestrator.worker import Sample


def analysing(analyse: Analyse) -> Analyse:
    """The same, in a span."""

    def run(assignment: Assignment) -> Transition | None:
        with tracing.span(
            "analysis",
            assignment.job_id,
            worker=assignment.worker,
            attempt=assignment.attempt,
            sha256=assignment.sha256,
        ) as span:
            transition = analyse(assignment)
            if transition is None:
                span.set(outcome="called off")
            else:
                span.set(
                    outcome=transition.target.value,
                    version=transition.worker_version,
                    cause=transition.cause,
                )
        return transition

    return run


class TracedSandbox(Sandbox):
    """A span for each run."""

    def run(self, worker_name: str, sample: Sample, **options: Any) -> Outcome:
        with tracing.span("sandbox", worker=worker_name) as span:
            outcome = super().run(worker_name, sample, **options)
            span.set(level=str(outcome.level), ending=outcome.ending.value, seconds=outcome.seconds)
        return outcome


class TracedRecorder(Recorder):
    """A span for each commit, and for the time that a claimed job task has waited."""

    def _commit(self, batch: Batch) -> None:
        size = len(batch.outcomes)
        with tracing.span("record", outcomes=size, claims=len(batch.claims)) as span:
            for outcome in batch.outcomes:
                row = self._known.get(outcome.job_task_id)
                if row is not None:
                    span.job(row.job_id, worker=row.worker, outcome=outcome.target.value, batch=size)
            super()._commit(batch)

    def _begin_work(self, claims: Sequence[Received], committed: Committed) -> None:
        for assignment in committed.assignments.values():
            row = committed.rows[assignment.job_task_id]
            if row.start_at is not None:
                tracing.past(
                    "waiting",
                    row.job_id,
                    row.due_at,
                    row.start_at,
                    worker=row.worker,
                    attempt=row.attempt,
                )
        super()._begin_work(claims, committed)
