"""What was sent is noted, so that the sweep sends only what was not."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from itertools import groupby
from operator import attrgetter

from orchestrator.domain.messages import JobTaskMessage, Message, ServiceTaskMessage
from orchestrator.store import executing as store
from orchestrator.store import outbox
from orchestrator.store.unit_of_work import UnitOfWork


def published(
    uow: UnitOfWork, messages: Sequence[Message], at: datetime, unsent: Collection[Message] = ()
) -> None:
    """Note that these messages are with the broker; a job task that has moved on since is left alone.

    A row of the outbox goes, unless one of its messages is among the ``unsent``.
    """
    kept = {each.outbox for each in unsent if isinstance(each, JobTaskMessage)}
    job_tasks = [each for each in messages if isinstance(each, JobTaskMessage)]
    done = {each.outbox for each in job_tasks if each.outbox} - kept
    if done:
        outbox.remove(uow.session, done)
    by_attempt = attrgetter("attempt")
    job_tasks = sorted((each for each in job_tasks if not each.outbox), key=by_attempt)
    for attempt, group in groupby(job_tasks, key=by_attempt):
        store.mark_published(uow.session, sorted(each.id for each in group), attempt, at)
    service_tasks = [each.id for each in messages if isinstance(each, ServiceTaskMessage)]
    if service_tasks:
        store.mark_service_published(uow.session, service_tasks, at)
