"""The sweep: repairs what crashes, lost messages, lost workers and passing time leave behind.

The database is the truth, the broker a hint: any open job task may be sent again, which costs at most work
done twice. Every step is a transaction of its own with a limit, and safe to run twice at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from uuid import UUID

from orchestrator.domain.clock import now
from orchestrator.domain.lifecycle import Actor
from orchestrator.domain.messages import Dispatch, Message
from orchestrator.domain.transition import Transition
from orchestrator.domain.vocabulary import JobTaskState
from orchestrator.services import retention, servicetasks
from orchestrator.services.planning import unserved
from orchestrator.services.recording import Recorded, record, settle
from orchestrator.services.watching import Watch
from orchestrator.settings import Settings
from orchestrator.store import outbox
from orchestrator.store import sweeping as store
from orchestrator.store.sweeping import Stray
from orchestrator.store.tables import WorkerProcess
from orchestrator.store.unit_of_work import Begin, UnitOfWork

#: Rows that one step handles in one transaction.
LIMIT = 1000
#: What a recorder may be about to do itself is left alone for this long.
_YOUNG = timedelta(seconds=30)
#: An empty queue proves messages lost that were sent this long ago.
_DELIVERY = timedelta(seconds=5)
#: Rows of worker processes that ended, and challenges that ran out, are kept this long.
_KEEP = timedelta(days=1)
#: A round spends at most about this long on what retention removes, in seconds.
_PRUNING = 0.5

#: Messages that a worker's queues hold; None where the broker cannot say.
Depth = Callable[[str], int | None]


@dataclass(slots=True)
class SweepReport:
    """How many of each the sweep found and repaired."""

    published: int = 0
    republished: int = 0
    lost: int = 0
    set_aside: int = 0
    timed_out: int = 0
    closed: int = 0
    unserved: int = 0
    expired: int = 0
    pruned: int = 0

    @property
    def total(self) -> int:
        return sum(getattr(self, each.name) for each in fields(self))


def sweep_once(
    begin: Begin,
    dispatch: Dispatch,
    settings: Settings,
    watch: Watch | None = None,
    depth: Depth | None = None,
) -> SweepReport:
    """One round; what it publishes goes through ``dispatch``.

    Without a ``watch`` a lease is judged by the wall clock. ``depth`` lets lost messages be found early.
    """
    report = SweepReport()
    with begin(write=False) as uow:
        processes = store.processes(uow.session)
    lost = watch.lost(processes) if watch else _out_of_lease(processes, settings)
    live = [each for each in processes if each.id not in lost]
    _recover(begin, dispatch, settings, lost, report)
    _time_out(begin, dispatch, watch.present() if watch else now(), report)
    _close(begin, dispatch, report)
    served = {name for process in live for name in process.workers}
    _tell_unserved(begin, served, report)
    _publish(begin, dispatch, settings, report)
    if depth is not None:
        _publish_vanished(begin, dispatch, live, depth, watch, report)
    _expire(begin, processes, lost, report)
    report.pruned = retention.prune(begin, settings, seconds=_PRUNING).total
    return report


def _out_of_lease(processes: Sequence[WorkerProcess], settings: Settings) -> set[UUID]:
    oldest = now() - timedelta(seconds=settings.worker_lease)
    return {each.id for each in processes if each.stopped_at is not None or each.seen_at < oldest}


def _recover(
    begin: Begin, dispatch: Dispatch, settings: Settings, lost: set[UUID], report: SweepReport
) -> None:
    """Give back, or give up, what lost processes were executing."""
    while lost:
        with begin() as uow:
            strays = store.executing_of(uow.session, lost, LIMIT)
            recorded = record(uow, [_after_loss(each, settings) for each in strays])
            uow.commit()
        dispatch(recorded.messages)
        for transition in recorded.applied:
            if transition.target is JobTaskState.enqueued:
                report.lost += 1
            else:
                report.set_aside += 1
        if len(strays) < LIMIT:
            return


def _after_loss(stray: Stray, settings: Settings) -> Transition:
    where = f"{stray.host}:{stray.pid}"
    if stray.attempt >= settings.max_attempts:
        target = JobTaskState.failed
        message = (
            f"set aside after {stray.attempt} attempts: its worker process was lost each time, last {where}"
        )
    else:
        target = JobTaskState.enqueued
        message = f"its worker process {where} was lost in attempt {stray.attempt}"
    return Transition(
        job_task_id=stray.id,
        target=target,
        actor=Actor.lost,
        at=now(),
        attempt=stray.attempt,
        message=message,
        by="sweep",
        cause="lost",
        host=stray.host,
        worker_version=stray.worker_version,
    )


def _time_out(begin: Begin, dispatch: Dispatch, due: datetime, report: SweepReport) -> None:
    at = now()
    while True:
        with begin() as uow:
            strays = store.overdue(uow.session, due, LIMIT)
            recorded = record(uow, [_after_deadline(each, at) for each in strays])
            uow.commit()
        dispatch(recorded.messages)
        report.timed_out += len(recorded.applied)
        if len(strays) < LIMIT or not recorded.applied:
            return


def _after_deadline(stray: Stray, at: datetime) -> Transition:
    doing = "executed" if stray.state is JobTaskState.executing else "waited"
    return Transition(
        job_task_id=stray.id,
        target=JobTaskState.timeout,
        actor=Actor.deadline,
        at=at,
        message=f"its deadline passed while it {doing}",
        by="sweep",
        cause="deadline",
    )


def _close(begin: Begin, dispatch: Dispatch, report: SweepReport) -> None:
    """Close jobs that have nothing left to do; the recorder has usually done so."""
    at = now()
    recorded = Recorded()
    with begin() as uow:
        settle(uow, store.jobs_to_close(uow.session, at, at - _YOUNG, LIMIT), at, recorded)
        uow.commit()
    dispatch(recorded.messages)
    report.closed += len(recorded.closed_jobs)


def _tell_unserved(begin: Begin, served: set[str], report: SweepReport) -> None:
    with begin(write=False) as uow:
        wanted = store.workers_waited_for(uow.session)
    if not wanted:
        return
    with begin() as uow:
        for worker in sorted(wanted):
            if worker in served:
                store.unsay_unserved(uow.session, unserved(worker), worker)
            else:
                report.unserved += store.say_unserved(uow.session, worker, unserved(worker))
        uow.commit()


def _publish(begin: Begin, dispatch: Dispatch, settings: Settings, report: SweepReport) -> None:
    at = now()
    grace = timedelta(seconds=settings.publish_grace)
    with begin(write=False) as uow:
        fresh = store.unpublished(uow.session, at, grace, LIMIT)
        left, done = outbox.stale(uow.session, at - grace, LIMIT)
        service = servicetasks.stale(uow, settings)
        again = _again(uow, at, settings)
    if done:
        with begin() as uow:
            outbox.remove(uow.session, done)
            uow.commit()
    dispatch([*fresh, *left, *service, *again])
    report.published += len(fresh) + len(left) + len(service)
    report.republished += len(again)


def _again(uow: UnitOfWork, at: datetime, settings: Settings) -> Sequence[Message]:
    return store.unanswered(uow.session, at - timedelta(seconds=settings.republish_after), at, LIMIT)


def _publish_vanished(
    begin: Begin,
    dispatch: Dispatch,
    live: Sequence[WorkerProcess],
    depth: Depth,
    watch: Watch | None,
    report: SweepReport,
) -> None:
    """Send again what an empty queue shows to be lost: a broker forgot, or a worker died with it."""
    held = {name for process in live for name, count in process.holding.items() if count}
    served = {name for process in live for name in process.workers}
    with begin(write=False) as uow:
        before = now() - _DELIVERY
        for worker in sorted(store.workers_waited_for(uow.session) & served):
            rows = store.waiting(uow.session, worker, before, LIMIT)
            if worker in held or not rows or depth(worker) != 0:
                if watch:
                    watch.refilled(worker)
            elif watch is None or watch.told(worker, live):
                dispatch(rows)
                report.republished += len(rows)


def _expire(begin: Begin, processes: Sequence[WorkerProcess], lost: set[UUID], report: SweepReport) -> None:
    before = now() - _KEEP
    old = [each.id for each in processes if each.id in lost and each.seen_at < before]
    with begin() as uow:
        if old:
            store.remove_processes(uow.session, old)
        report.expired += store.remove_challenges(uow.session, before, LIMIT)
        report.expired += store.remove_submissions(uow.session, now(), LIMIT)
        uow.commit()
