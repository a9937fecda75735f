"""Going through a large table in batches, a step each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from orchestrator.domain.messages import Message
from orchestrator.services.operations.step import Step
from orchestrator.store.reindexing import Place, Window


def arguments_of(window: Window) -> dict[str, Any]:
    """A window as the arguments of a service task keep it."""
    return {
        "start": window.start and window.start.isoformat(),
        "end": window.end and window.end.isoformat(),
        "reversed": window.reversed,
        "sha256": window.sha256,
    }


def window_of(arguments: Mapping[str, Any]) -> Window:
    """The rows that the arguments of a service task name."""
    return Window(
        start=_moment(arguments.get("start")),
        end=_moment(arguments.get("end")),
        reversed=bool(arguments.get("reversed")),
        sha256=arguments.get("sha256"),
    )


def place_of(cursor: Mapping[str, Any], *, uuid: bool = False) -> Place | None:
    """Where the step before ended."""
    if "at" not in cursor:
        return None
    return Place(datetime.fromisoformat(cursor["at"]), UUID(cursor["key"]) if uuid else cursor["key"])


def batch_done(
    cursor: Mapping[str, Any],
    end: Place | None,
    total: int,
    passed: int,
    what: str,
    messages: Sequence[Message] = (),
) -> Step:
    """The step that worked on a batch of ``passed`` of ``total`` rows up to ``end``; None: none is left."""
    done = int(cursor.get("done", 0)) + passed
    progress = {"done": str(done), "total": str(max(total, done))}
    if end is None:
        return Step(cursor=None, message=f"{done} {what} done", progress=progress, messages=messages)
    place = {"at": end.at.isoformat(), "key": str(end.key), "total": total, "done": done}
    message = f"{done} of {max(total, done)} {what}"
    return Step(cursor={**cursor, **place}, message=message, progress=progress, messages=messages)


def _moment(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)
