"""Making what was derived from stored rows anew: keyword texts, first and last moments, latest ids."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.services.operations.batches import batch_done, place_of, window_of
from orchestrator.services.operations.step import REINDEX, Context, Step
from orchestrator.store import reindexing as store
from orchestrator.store.tables import Analysis, SampleClassification, SampleLink, SampleRow, Verdict
from orchestrator.store.unit_of_work import UnitOfWork

_SAMPLES = 100
_SUBMISSIONS = 500
_RESOURCES = ("sample", "submission")


def reindex(uow: UnitOfWork, context: Context) -> Step:
    """A batch of samples, with all that belongs to them, or of submissions; for both, two subtasks."""
    resource = context.arguments["resource"]
    if resource not in _RESOURCES:
        subtasks = [(REINDEX, {**context.arguments, "resource": each}) for each in _RESOURCES]
        return Step(cursor={}, subtasks=subtasks)
    return _samples(uow, context) if resource == "sample" else _submissions(uow, context)


def _samples(uow: UnitOfWork, context: Context) -> Step:
    session, window, cursor = uow.session, window_of(context.arguments), context.cursor
    total = cursor["total"] if cursor else store.count_samples(session, window)
    batch = store.sample_batch(session, window, place_of(cursor), _SAMPLES)
    if batch.rows:
        store.renew_text(batch.rows)
        store.renew_text(store.parts_of(session, [row.sha256 for row in batch.rows]))
        _renew_pointers(uow, batch.rows)
        uow.flush()
    return batch_done(cursor, batch.end, total, batch.passed, "samples")


def _submissions(uow: UnitOfWork, context: Context) -> Step:
    session, window, cursor = uow.session, window_of(context.arguments), context.cursor
    total = cursor["total"] if cursor else store.count_submissions(session, window)
    batch = store.submission_batch(session, window, place_of(cursor, uuid=True), _SUBMISSIONS)
    store.renew_text(batch.rows)
    uow.flush()
    return batch_done(cursor, batch.end, total, batch.passed, "submissions")


def _renew_pointers(uow: UnitOfWork, rows: Sequence[SampleRow]) -> None:
    """What each sample says of its parts. First and last moments stay where no submission is left."""
    session, hashes = uow.session, [row.sha256 for row in rows]
    classifications = store.latest_ids(session, SampleClassification, hashes)
    verdicts = store.latest_ids(session, Verdict, hashes)
    analyses = store.latest_moments(session, Analysis, hashes)
    links = store.latest_moments(session, SampleLink, hashes)
    observed = store.observations(session, hashes)
    for row in rows:
        row.latest_classification_id = classifications.get(row.sha256)
        row.latest_verdict_id = verdicts.get(row.sha256)
        row.last_analysis_at = analyses.get(row.sha256)
        row.last_link_at = links.get(row.sha256)
        if seen := observed.get(row.sha256):
            row.first_submitted_at, row.last_submitted_at = seen.first_submitted_at, seen.last_submitted_at
            row.first_observed_at, row.last_observed_at = seen.first_observed_at, seen.last_observed_at
