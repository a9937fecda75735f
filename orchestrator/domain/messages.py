"""What goes to the broker: a hint that an open row in the database wants work done."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

#: Below this priority a job task is bulk work.
BULK_BELOW = 3


@dataclass(frozen=True, slots=True)
class JobTaskMessage:
    """One job task to run. ``id`` is the Celery task's id as well; ``priority`` is 0 (bulk) … 9."""

    id: UUID
    worker: str
    attempt: int = 1
    priority: int = 5
    #: The job that it is of, for its trace.
    job_id: UUID | None = field(default=None, compare=False)
    #: The outbox's row that goes once this message, and all of the same row, are with the broker.
    outbox: UUID | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class ServiceTaskMessage:
    """One maintenance run to carry out."""

    id: UUID
    operation: str


@dataclass(frozen=True, slots=True)
class KeptMessage:
    """A message that no worker could make sense of, as it lay in its queue."""

    queue: str
    content_type: str
    headers: Mapping[str, Any]
    body: bytes


Message = JobTaskMessage | ServiceTaskMessage

#: Takes messages to the broker, after the commit. Never raises: what it could not send, the sweep sends.
Dispatch = Callable[[Sequence[Message]], None]

#: Sends a kept message again; raises :class:`~orchestrator.errors.Unavailable` where the broker is away.
Resend = Callable[[KeptMessage], None]
