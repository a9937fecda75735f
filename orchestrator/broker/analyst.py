"""Runs an analysis worker on a claimed job task's sample, and says what became of it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from uuid import UUID

from orchestrator.broker.harvest import harvest
from orchestrator.domain.clock import now
from orchestrator.domain.lifecycle import Actor
from orchestrator.domain.transition import NewAnalysis, Transition
from orchestrator.domain.vocabulary import JobTaskState
from orchestrator.errors import NotFound, Unavailable
from orchestrator.sandbox import Ending, Outcome, Sandbox, SandboxUnavailable
from orchestrator.services.endings import CAUSES, TARGETS, after_temporary
from orchestrator.services.executing import Assignment
from orchestrator.settings import Settings
from orchestrator.store.blobs import Blobs
from orchestrator.worker import AnalysisWorker, Findings, Sample, UnknownWorker, find, may_use_network

#: Gives the transition that ends the job task; None where it was called off.
Analyse = Callable[[Assignment], Transition | None]


class Analyst:
    """Runs workers in the sandbox; what they found is in the blob store before it is told."""

    def __init__(
        self,
        settings: Settings,
        blobs: Blobs,
        sandbox: Sandbox,
        called_off: Callable[[UUID, int], bool],
    ) -> None:
        self._settings = settings
        self._blobs = blobs
        self._sandbox = sandbox
        self._called_off = called_off

    def __call__(self, assignment: Assignment) -> Transition | None:
        """Run the worker; the transition that follows, None if the job task was called off meanwhile."""
        try:
            worker = find(assignment.worker)
            return self._run(worker, assignment)
        except UnknownWorker as error:
            return _ended(assignment, JobTaskState.failed, str(error), cause="unknown")
        except NotFound as error:
            return _ended(assignment, JobTaskState.failed, str(error), cause="missing")
        except Unavailable as error:
            return self._retry(assignment, str(error))

    def _run(self, worker: AnalysisWorker, assignment: Assignment) -> Transition | None:
        scratch = Path(tempfile.mkdtemp(prefix="assay-"))
        try:
            with self._blobs.local(assignment.sha256) as path:
                outcome = self._sandbox.run(
                    worker.name,
                    _sample(assignment, path, scratch, self._settings.worker_options),
                    network=may_use_network(worker, assignment.options),
                    cancelled=lambda: self._called_off(assignment.job_task_id, assignment.attempt),
                )
            return self._judge(worker, assignment, outcome)
        except SandboxUnavailable as error:
            return _ended(assignment, JobTaskState.failed, str(error), cause="sandbox")
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _judge(self, worker: AnalysisWorker, assignment: Assignment, outcome: Outcome) -> Transition | None:
        if outcome.ending is Ending.cancelled:
            return None
        if outcome.ending is Ending.temporary:
            return self._retry(assignment, outcome.message, worker)
        analysis = None
        if outcome.ending in {Ending.finished, Ending.nothing}:
            network = may_use_network(worker, assignment.options)
            analysis = harvest(worker, outcome.findings or Findings(), self._blobs, network=network)
        return _ended(
            assignment,
            TARGETS[outcome.ending],
            outcome.message or None,
            cause=CAUSES.get(outcome.ending),
            worker=worker,
            analysis=analysis,
            seconds=outcome.seconds,
        )

    def _retry(
        self, assignment: Assignment, message: str, worker: AnalysisWorker | None = None
    ) -> Transition:
        version = worker.version if worker else None
        return after_temporary(self._settings, assignment.job_task_id, assignment.attempt, message, version)


def _sample(assignment: Assignment, path: Path, scratch: Path, options: Mapping[str, str]) -> Sample:
    return Sample(
        path=path,
        sha256=assignment.sha256,
        size=assignment.size,
        scratch=scratch,
        md5=assignment.md5,
        sha1=assignment.sha1,
        sha512=assignment.sha512,
        file_name=assignment.file_name,
        type=assignment.type,
        super_type=assignment.super_type,
        options={**options, **assignment.options},
    )


def _ended(
    assignment: Assignment,
    target: JobTaskState,
    message: str | None,
    *,
    cause: str | None,
    worker: AnalysisWorker | None = None,
    analysis: NewAnalysis | None = None,
    seconds: float | None = None,
) -> Transition:
    return Transition(
        job_task_id=assignment.job_task_id,
        target=target,
        actor=Actor.recorder,
        at=now(),
        attempt=assignment.attempt,
        message=message,
        cause=cause,
        worker_version=worker.version if worker else None,
        ran_ms=None if seconds is None else int(seconds * 1000),
        findings=analysis,
    )
