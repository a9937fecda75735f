"""The recorder's writes for PostgreSQL: one round trip each, whatever the size of the batch."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import Column, Connection, TextualSelect, text

from orchestrator.domain.vocabulary import JobState
from orchestrator.store.bulk import array
from orchestrator.store.tables.base import to_millis

if TYPE_CHECKING:
    from orchestrator.store.recording import Changed

#: Column → PostgreSQL's type of it, of an update's row and of a history row.
_CHANGES = {
    "id": "uuid",
    "state_was": "varchar",
    "attempt_was": "int",
    "state": "varchar",
    "message": "text",
    "attempt": "int",
    "due_at": "bigint",
    "start_at": "bigint",
    "end_at": "bigint",
    "process_id": "uuid",
}
_EVENTS = {
    "job_task_id": "uuid",
    "attempt": "int",
    "source": "varchar",
    "target": "varchar",
    "at": "bigint",
    "actor": "varchar",
    "by": "text",
    "cause": "varchar",
    "message": "text",
    "host": "text",
    "worker_version": "text",
    "waited_ms": "bigint",
    "ran_ms": "bigint",
}
_SET = tuple(_CHANGES)[3:]


def _arrays(columns: Mapping[str, str], prefix: str) -> str:
    return ", ".join(f"CAST(:{prefix}{name} AS {kind}[])" for name, kind in columns.items())


def _names(columns: Collection[str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)


_WRITE = text(
    f"""
    WITH new ({_names(_CHANGES)}) AS (SELECT * FROM unnest({_arrays(_CHANGES, "c_")})),
    changed AS (
        UPDATE job_task SET {", ".join(f'"{name}" = new."{name}"' for name in _SET)},
            -- the next attempt's message is yet to be sent
            published_at = CASE new.state WHEN 'enqueued' THEN NULL ELSE job_task.published_at END
        FROM new
        WHERE job_task.id = new.id AND job_task.state = new.state_was AND job_task.attempt = new.attempt_was
        RETURNING job_task.id
    ),
    told AS (
        INSERT INTO job_task_event ({_names(_EVENTS)}) SELECT * FROM unnest({_arrays(_EVENTS, "e_")})
    )
    SELECT count(*) FROM changed
    """  # noqa: S608 - made of the names above
)
_JOBS = """
    SELECT {columns} FROM job
    WHERE id = ANY(ARRAY(
        SELECT job_id FROM job_task WHERE id = ANY(CAST(:ids AS uuid[]))
        UNION SELECT unnest(CAST(:job_ids AS uuid[]))
    ))
    ORDER BY id FOR NO KEY UPDATE
"""
_TASKS = "SELECT {columns} FROM job_task WHERE id = ANY(CAST(:ids AS uuid[]))"
_START = text(
    "UPDATE job SET state = 'executing', start_at = :at"
    " WHERE id = ANY(CAST(:ids AS uuid[])) AND state = 'enqueued'"
)
_CLOSE = text(
    """
    UPDATE job SET state = new.state, start_at = coalesce(job.start_at, :at), end_at = :at
    FROM unnest(CAST(:ids AS uuid[]), CAST(:states AS varchar[])) AS new (id, state)
    WHERE job.id = new.id AND job.state IN ('enqueued', 'executing')
    """
)


def lock_jobs(columns: Sequence[Column[Any]]) -> TextualSelect:
    """Jobs of the job tasks ``ids``, and the jobs ``job_ids``, locked in the order of their ids."""
    return text(_JOBS.format(columns=_names([each.name for each in columns]))).columns(*columns)


def job_tasks(columns: Sequence[Column[Any]]) -> TextualSelect:
    """The job tasks ``ids``."""
    return text(_TASKS.format(columns=_names([each.name for each in columns]))).columns(*columns)


def write(connection: Connection, changed: Sequence[Changed], events: Sequence[Mapping[str, Any]]) -> int:
    """Write changed rows by compare-and-set, and their history; how many rows were as expected."""
    parameters: dict[str, Any] = {
        "c_id": [row.id for row, _, _ in changed],
        "c_state_was": [state for _, state, _ in changed],
        "c_attempt_was": [attempt for _, _, attempt in changed],
    }
    for name in _SET:
        parameters[f"c_{name}"] = [getattr(row, name) for row, _, _ in changed]
    for name in _EVENTS:
        parameters[f"e_{name}"] = [event[name] for event in events]
    parameters = {name: array(values) for name, values in parameters.items()}
    return int(connection.execute(_WRITE, parameters).scalar_one())


def start_jobs(connection: Connection, job_ids: Collection[UUID], at: datetime) -> None:
    """Mark jobs as executing that are still enqueued."""
    connection.execute(_START, {"ids": array(list(job_ids)), "at": to_millis(at)})


def close_jobs(connection: Connection, closing: Mapping[UUID, JobState], at: datetime) -> None:
    """Give jobs their last state."""
    parameters = {"ids": array(list(closing)), "states": array(list(closing.values())), "at": to_millis(at)}
    connection.execute(_CLOSE, parameters)
