"""Which of the messages that a process has received it claims next."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from typing import Any, Protocol
from uuid import UUID


class Received(Protocol):
    """A message that asks for a job task."""

    job_task_id: UUID
    worker: str
    attempt: int
    #: more is more urgent
    priority: int
    #: kombu's
    message: Any


#: Job tasks that run here, with their attempts.
Running = Collection[tuple[UUID, int]]


def claimable(received: deque[Received], running: Running) -> bool:
    """Whether something waits that may run beside what runs.

    What was tried before may have killed its process, and would take what was claimed beside it along, again
    and again: it runs alone.
    """
    if not received or (len(running) == 1 and next(iter(running))[1] > 1):
        return False
    return received[0].attempt == 1 or not running


def take(received: deque[Received], running: Running, room: int) -> list[Received]:
    """Take out what to claim now, the most urgent first."""
    if len(received) > room:
        # sorting is stable, so that the rest keeps its order
        ordered = sorted(received, key=lambda each: -each.priority)
        received.clear()
        received.extend(ordered)
    claims: list[Received] = []
    while len(claims) < room and claimable(received, running):
        if claims and max(claims[-1].attempt, received[0].attempt) > 1:
            break
        claims.append(received.popleft())
    return claims
