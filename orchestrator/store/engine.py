"""Connections. Make an engine after a fork, never before (DESIGN: SQLAlchemy's pools do not survive it)."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, create_engine, event, make_url

from orchestrator import tracing
from orchestrator.store import statements
from orchestrator.store.search import functions

#: How long a SQLite writer waits for another one, in milliseconds.
_BUSY_TIMEOUT = 15_000

#: The execution option that makes a SQLite transaction take its write lock when it begins.
WRITE = "assay_write"


def _dumps(value: Any) -> str:
    return orjson.dumps(value).decode()


def _loads_sqlite(value: Any) -> Any:
    """SQLite's column affinity makes a number of a JSON text that is nothing but a number."""
    return value if isinstance(value, int | float) else orjson.loads(value)


def make_engine(url: str, *, pool_size: int = 10, ping: bool = True) -> Engine:
    """An engine for ``sqlite:///…`` or ``postgresql+psycopg://…``, with Assay's settings of each.

    Without ``ping``, a connection that broke while it was idle shows at its next use.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        engine = _sqlite(url, parsed.database, pool_size)
    else:
        engine = _postgresql(url, pool_size, ping=ping)
    if tracing.on():
        statements.tell(engine)
    return engine


def _postgresql(url: str, pool_size: int, *, ping: bool) -> Engine:
    return create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=10,
        pool_pre_ping=ping,
        json_serializer=_dumps,
        json_deserializer=orjson.loads,
        connect_args={"connect_timeout": 5, "application_name": "assay"},
    )


def _sqlite(url: str, path: str | None, pool_size: int) -> Engine:
    if path and path != ":memory:":
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        json_serializer=_dumps,
        json_deserializer=_loads_sqlite,
        connect_args={"timeout": _BUSY_TIMEOUT / 1000, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def _pragmas(connection: sqlite3.Connection, _record: object) -> None:
        # the driver's own transaction handling would begin a writer as a reader, and an upgrade of a
        # stale snapshot fails at once instead of waiting
        connection.isolation_level = None
        functions.register(connection)
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute(f"PRAGMA busy_timeout={_BUSY_TIMEOUT}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(WRITE, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine
