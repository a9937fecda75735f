"""Tells the trace of each statement that an engine executes."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import Connection, Engine, event

from orchestrator import tracing

_BEGAN = "assay_began"


def tell(engine: Engine) -> None:
    """Tell of the engine's statements from now on; those that fail show as their span's error."""
    system = engine.dialect.name

    @event.listens_for(engine, "before_cursor_execute")
    def _before(connection: Connection, *_: Any) -> None:
        connection.info[_BEGAN] = time.time_ns()

    @event.listens_for(engine, "after_cursor_execute")
    def _after(connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        tracing.statement(statement, system, connection.info[_BEGAN])
