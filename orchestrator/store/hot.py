"""The three reads that clients poll, each one statement written by hand.

They answer what a page that is refreshed asks all the time. What they cannot answer, the repositories
do: every function returns None rather than guess.
"""

from __future__ import annotations

import itertools
import re
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import make_url

from orchestrator.domain.paging import DEFAULT_LIMIT
from orchestrator.store.paging import COUNT_CEILING

Row = Sequence[Any]

#: How long a read waits for a connection, in seconds, before the ordinary road is taken.
_PATIENCE = 1.0

_JOB_TASK = """
SELECT t.id, t.worker, t.state, t.message, t.enqueued_at, t.start_at, t.end_at, j.customer_id,
       (SELECT {agg} FROM (
            SELECT a.id AS id, a.score AS score, a.user_agent_name AS name, a.user_agent_version AS version
            FROM job_task_analysis x JOIN analysis a ON a.id = x.analysis_id
            WHERE x.job_task_id = t.id ORDER BY x.position, a.id) AS f)
FROM job_task t JOIN job j ON j.id = t.job_id
WHERE t.job_id = {p}"""

_ONE_JOB_TASK = _JOB_TASK + " AND t.id = {p}"
_JOB_TASKS = _JOB_TASK + " ORDER BY t.worker, t.id LIMIT {page}"

_JOBS = """
SELECT j.id, j.state, j.sample_sha256, s.size, j.enqueued_at, j.start_at, j.end_at,
       c.id, c.name, c.short_name,
       (SELECT count(*) FROM (SELECT 1 FROM job WHERE {where} LIMIT {ceiling}) AS counted)
FROM (SELECT * FROM job WHERE {where} ORDER BY enqueued_at DESC, id DESC LIMIT {p} OFFSET {p}) AS j
JOIN customer c ON c.id = j.customer_id JOIN sample s ON s.sha256 = j.sample_sha256
ORDER BY j.enqueued_at DESC, j.id DESC"""

_AGGREGATE = {
    "postgresql": "coalesce(json_agg(json_build_array(f.id, f.score, f.name, f.version)), '[]')",
    "sqlite": "json_group_array(json_array(f.id, f.score, f.name, f.version))",
}


class HotReads(ABC):
    """Runs the statements; the rows are those of the statements above."""

    def __init__(self, dialect: str, mark: str) -> None:
        fill = {
            "agg": _AGGREGATE[dialect],
            "p": mark,
            "ceiling": COUNT_CEILING + 1,
            "page": DEFAULT_LIMIT + 1,
        }
        self._one = _ONE_JOB_TASK.format(**fill)
        self._many = _JOB_TASKS.format(**fill)
        self._jobs = _JOBS.format(**fill, where=f"customer_id = {mark}")
        self._all_jobs = _JOBS.format(**fill, where="1 = 1")

    async def job_task(self, job_id: UUID, job_task_id: UUID) -> Row | None:
        rows = await self._fetch(self._one, (self._key(job_id), self._key(job_task_id)))
        return rows[0] if rows else None

    async def job_tasks(self, job_id: UUID) -> Sequence[Row] | None:
        """All job tasks of a job by worker; None for a job with none, or with more than a page shows."""
        rows = await self._fetch(self._many, (self._key(job_id),))
        return rows if rows and len(rows) <= DEFAULT_LIMIT else None

    async def jobs(self, customer_id: int | None, limit: int, offset: int) -> Sequence[Row] | None:
        """A page of a customer's jobs, or of all, newest first; None where it has no rows."""
        if customer_id is None:
            return await self._fetch(self._all_jobs, (limit, offset))
        return await self._fetch(self._jobs, (customer_id, customer_id, limit, offset))

    @abstractmethod
    async def open(self) -> None: ...

    @abstractmethod
    async def close(self) -> None: ...

    @abstractmethod
    def _key(self, key: UUID) -> Any: ...

    @abstractmethod
    async def _fetch(self, statement: str, parameters: Sequence[Any]) -> Sequence[Row] | None: ...


class PostgresReads(HotReads):
    """With asyncpg, which takes a third of psycopg's CPU for a read of one row."""

    def __init__(self, url: str, size: int = 8) -> None:
        super().__init__("postgresql", "?")
        for name in ("_one", "_many", "_jobs", "_all_jobs"):
            setattr(self, name, _numbered(getattr(self, name)))
        self._url = url.replace("postgresql+psycopg://", "postgresql://", 1)
        self._size = size
        self._pool: asyncpg.Pool | None = None

    async def open(self) -> None:
        # connects when first used: the database may be away now
        self._pool = await asyncpg.create_pool(
            self._url,
            min_size=0,
            max_size=self._size,
            timeout=_PATIENCE,
            reset=_leave,
            server_settings={"application_name": "assay-reads", "default_transaction_read_only": "on"},
        )

    async def close(self) -> None:
        if self._pool:
            await self._pool.close()

    def _key(self, key: UUID) -> Any:
        return key

    async def _fetch(self, statement: str, parameters: Sequence[Any]) -> Sequence[Row] | None:
        if self._pool is None:
            return None
        try:
            async with self._pool.acquire(timeout=_PATIENCE) as connection:
                rows: Sequence[Row] = await connection.fetch(statement, *parameters)
                return rows
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            return None


def _numbered(statement: str) -> str:
    """With ``$1``, ``$2`` … for question marks."""
    numbers = itertools.count(1)
    return re.sub(r"\?", lambda _: f"${next(numbers)}", statement)


async def _leave(_connection: asyncpg.Connection) -> None:
    """Nothing is set on a connection that only reads: putting it back costs no round trip."""


class SqliteReads(HotReads):
    """In the event loop itself: a read of a row by its key takes a few microseconds, a thread more."""

    def __init__(self, path: Path) -> None:
        super().__init__("sqlite", "?")
        self._path = path
        self._connection: sqlite3.Connection | None = None

    async def open(self) -> None:
        """Nothing: the file may be made later than the process."""

    async def close(self) -> None:
        if self._connection:
            self._connection.close()

    def _connect(self) -> sqlite3.Connection:
        url = f"{self._path.as_uri()}?mode=ro"
        return sqlite3.connect(url, uri=True, timeout=0, check_same_thread=False, isolation_level=None)

    def _key(self, key: UUID) -> Any:
        return key.hex

    async def _fetch(self, statement: str, parameters: Sequence[Any]) -> Sequence[Row] | None:
        try:
            if self._connection is None:
                self._connection = self._connect()
            return self._connection.execute(statement, parameters).fetchall()
        except sqlite3.Error:
            return None


def open_hot_reads(url: str) -> HotReads:
    """The reads over the database of this URL."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return SqliteReads(Path(parsed.database or "").absolute())
    return PostgresReads(url)
