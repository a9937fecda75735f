"""How an operation works: step by step, each step one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator.domain.messages import Message
from orchestrator.settings import Settings
from orchestrator.store.blobs import Blobs
from orchestrator.store.unit_of_work import UnitOfWork

DELETE_SAMPLE = "deleteSample"
REINDEX = "reindexSampleResource"
REANALYSE = "reanalyseSamples"


@dataclass(frozen=True, slots=True)
class Context:
    """What a step has at hand. ``cursor`` is what the step before left, empty at the start."""

    settings: Settings
    blobs: Blobs
    arguments: Mapping[str, Any]
    cursor: Mapping[str, Any]
    #: Who asked for it.
    user_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What a step did."""

    #: Where the next step goes on; None: this was the last.
    cursor: Mapping[str, Any] | None
    #: For whoever asked, where there is something to say.
    message: str = ""
    #: Figures for whoever watches.
    progress: Mapping[str, str] = field(default_factory=dict)
    #: To dispatch once the step is committed.
    messages: Sequence[Message] = ()
    #: Operations, with their arguments, that do the rest; the service task waits for them.
    subtasks: Sequence[tuple[str, Mapping[str, Any]]] = ()
    #: Nothing can be done now: go on when the sweep comes by.
    pause: bool = False


#: Does one step within the given transaction; does not commit. What it raises fails the service task.
Operation = Callable[[UnitOfWork, Context], Step]
