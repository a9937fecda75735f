"""The state machine of a job task, as data (contract section 3.3).

The recorder's SQL and the API's validation both read :data:`TRANSITIONS`; :func:`advance` is the one
function that applies it, :class:`IllegalTransition` the one refusal.
"""

from __future__ import annotations

from enum import StrEnum

from orchestrator.domain.vocabulary import JobTaskState as S
from orchestrator.errors import Refused


class Actor(StrEnum):
    """Who moves a job task."""

    #: The planner, when the job is made; also what needs no run, because it was found lately.
    planner = "planner"
    #: Who runs it, through the recorder: Celery's signals, or a remote worker's calls.
    recorder = "recorder"
    #: A client with an analyzer's key.
    client = "client"
    #: Somebody called the job task, or its job, off.
    cancel = "cancel"
    #: The sweep, because a deadline passed.
    deadline = "deadline"
    #: The sweep, because the worker process was lost.
    lost = "lost"


FINAL = frozenset({S.success, S.failed, S.cancelled, S.timeout})
OPEN = frozenset({S.enqueued, S.executing})

_ENDINGS = frozenset({S.success, S.failed, S.cancelled})

#: (from, to) → who may do it. What is not here is refused.
TRANSITIONS: dict[tuple[S, S], frozenset[Actor]] = {
    (S.enqueued, S.executing): frozenset({Actor.recorder, Actor.client}),
    **{
        (source, target): frozenset({Actor.recorder, Actor.client, Actor.cancel, Actor.lost})
        for source in OPEN
        for target in _ENDINGS
    },
    # a message only: the wire answers 200, and nothing but the message changes
    (S.executing, S.executing): frozenset({Actor.client}),
    # what was found lately stands for a run
    (S.enqueued, S.success): frozenset(
        {Actor.recorder, Actor.client, Actor.cancel, Actor.lost, Actor.planner}
    ),
    # attempt + 1
    (S.executing, S.enqueued): frozenset({Actor.recorder, Actor.lost}),
    **{(source, S.timeout): frozenset({Actor.deadline, Actor.recorder}) for source in OPEN},
}

#: What a client's PUT may ask for; ``enqueued`` and ``timeout`` are the service's own.
CLIENT_TARGETS = frozenset({S.executing, S.success, S.failed, S.cancelled})

#: What a client's POST may start a job task in.
INITIAL = frozenset({S.enqueued, S.executing, S.success, S.failed, S.cancelled})


class IllegalTransition(Refused):
    """A job task in this state cannot go there; nothing was changed."""

    def __init__(self, source: S, target: S) -> None:
        reason = f"{source} is final" if source in FINAL else f"{target} is not for whoever asked"
        super().__init__(f"a job task cannot go from {source} to {target}: {reason}")
        self.source = source
        self.target = target


def sources(target: S, actor: Actor) -> frozenset[S]:
    """The states from which ``actor`` may move a job task to ``target``."""
    return frozenset(
        source for (source, reached), actors in TRANSITIONS.items() if reached is target and actor in actors
    )


def advance(source: S, target: S, actor: Actor) -> S:
    """The state after the move; :class:`IllegalTransition` where the table has no such move."""
    if actor not in TRANSITIONS.get((source, target), frozenset()):
        raise IllegalTransition(source, target)
    return target
