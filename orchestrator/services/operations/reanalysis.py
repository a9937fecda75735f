"""Analysing many samples again, below live traffic."""

from __future__ import annotations

from orchestrator.services import planning
from orchestrator.services.operations.batches import batch_done, place_of, window_of
from orchestrator.services.operations.step import Context, Step
from orchestrator.store import reindexing as store
from orchestrator.store.unit_of_work import UnitOfWork

_SAMPLES = 25
#: So many open job tasks of bulk work are enough to keep every worker busy.
MAX_OPEN = 1000


def reanalyse_samples(uow: UnitOfWork, context: Context) -> Step:
    """New jobs for a batch of samples, each for the customer and with the metadata of its newest submission.

    A sample that nobody submitted, one found inside another, is passed over: its root brings it back.
    """
    session, window, cursor = uow.session, window_of(context.arguments), context.cursor
    limit = context.settings.max_open_job_tasks
    if store.open_bulk(session) >= (min(MAX_OPEN, limit // 2) if limit else MAX_OPEN):
        return Step(cursor=cursor, pause=True)
    total = cursor["total"] if cursor else store.count_samples(session, window)
    batch = store.sample_batch(session, window, place_of(cursor), _SAMPLES)
    latest = store.latest_submissions(session, [row.sha256 for row in batch.rows])
    wanted = [
        (
            sample,
            planning.Wish(
                submission.customer_id,
                submission.id,
                submission.meta_data,
                priority=planning.BULK,
                workers=context.arguments.get("workers"),
                by=context.arguments.get("by"),
            ),
        )
        for sample in batch.rows
        if (submission := latest.get(sample.sha256)) is not None
    ]
    messages = planning.plan_all(uow, context.settings, wanted).messages
    return batch_done(cursor, batch.end, total, batch.passed, "samples", messages)
