"""The outbox: what was sent is marked, so that the sweep sends only what was not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from operator import attrgetter

from orchestrator.domain.messages import JobTaskMessage, Message, ServiceTaskMessage
from orchestrator.store import executing as store
from orchestrator.store.unit_of_work import UnitOfWork


def published(uow: UnitOfWork, messages: Sequence[Message], at: datetime) -> None:
    """Mark the rows of these messages as published; one that has moved on since is left alone."""
    by_attempt = attrgetter("attempt")
    job_tasks = sorted((each for each in messages if isinstance(each, JobTaskMessage)), key=by_attempt)
    for attempt, group in groupby(job_tasks, key=by_attempt):
        store.mark_published(uow.session, sorted(each.id for each in group), attempt, at)
    service_tasks = [each.id for each in messages if isinstance(each, ServiceTaskMessage)]
    if service_tasks:
        store.mark_service_published(uow.session, service_tasks, at)
