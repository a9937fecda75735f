"""What happened to jobs and job tasks, as it is told to others."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from orchestrator.domain.vocabulary import JobState, JobTaskState

_POSITION = re.compile(r"(\d{1,18})(\.1)?")

CLOSED = frozenset({JobState.done, JobState.timeout})


class Kind(StrEnum):
    """What an event is about."""

    #: One transition of a job task.
    job_task = "job_task"
    #: A job closed: no more comes of it.
    job = "job"


class Position(NamedTuple):
    """A place in the order of events; ``part`` 1 comes after the transition ``number``, for its job."""

    number: int
    part: int = 0

    def __str__(self) -> str:
        return f"{self.number}.1" if self.part else str(self.number)

    @classmethod
    def parse(cls, text: str) -> Position:
        """The position of an event's id; :class:`ValueError` where it is none."""
        match = _POSITION.fullmatch(text)
        if match is None:
            raise ValueError("must be the id of an event")
        return cls(int(match[1]), 1 if match[2] else 0)


@dataclass(frozen=True, slots=True)
class Change:
    """One transition of a job task, with its job as it is when this is read."""

    number: int
    at: datetime
    job_id: UUID
    job_state: JobState
    sample_sha256: str
    customer_id: int
    submission_id: UUID | None
    job_task_id: UUID
    worker: str
    attempt: int
    source: JobTaskState | None
    target: JobTaskState
    cause: str | None
    message: str | None
    waited_ms: int | None
    ran_ms: int | None
    #: Whether the job closed with it.
    closes: bool = False


@dataclass(frozen=True, slots=True)
class Event:
    """One thing to tell; of a change that closes its job there are two."""

    position: Position
    kind: Kind
    change: Change

    @property
    def state(self) -> str:
        """The state that the job task or the job is in now."""
        return self.change.target if self.kind is Kind.job_task else self.change.job_state

    @property
    def name(self) -> str:
        """What happened: ``job_task.success``, ``job.done`` …"""
        return f"{self.kind}.{self.state}"


#: Every name that an event can have.
NAMES = (
    *(f"{Kind.job_task}.{state}" for state in JobTaskState),
    *(f"{Kind.job}.{state}" for state in sorted(CLOSED)),
)


def events_of(change: Change, after: Position = Position(-1)) -> Iterator[Event]:
    """What there is to tell of a change, later than a position."""
    told = [Event(Position(change.number), Kind.job_task, change)]
    if change.closes:
        told.append(Event(Position(change.number, 1), Kind.job, change))
    return (each for each in told if each.position > after)


@dataclass(frozen=True, slots=True)
class Interest:
    """Which events somebody wants; what is empty leaves nothing out."""

    jobs: frozenset[UUID] = frozenset()
    samples: frozenset[str] = frozenset()
    #: Of these workers; events about whole jobs are then left out.
    workers: frozenset[str] = frozenset()
    states: frozenset[str] = frozenset()

    def wants(self, event: Event) -> bool:
        change = event.change
        return (
            (not self.jobs or change.job_id in self.jobs)
            and (not self.samples or change.sample_sha256 in self.samples)
            and (not self.workers or (event.kind is Kind.job_task and change.worker in self.workers))
            and (not self.states or event.state in self.states)
        )
