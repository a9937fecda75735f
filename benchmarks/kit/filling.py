"""Fills a PostgreSQL store with finished work, as it looks after months: jobs, histories, analyses."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from benchmarks.kit.figures import progress
from benchmarks.kit.noop import NAMES
from benchmarks.kit.planting import JOB_SIZE, Store
from benchmarks.kit.servers import PostgresServer, migrate
from orchestrator.services import access
from orchestrator.settings import Settings

#: Job tasks that are inserted in one transaction, and for how long the work of the store has gone on.
_AT_A_TIME = 400_000
_DAYS = 90

_TABLES = ("sample", "submission", "job", "job_task", "job_task_event", "analysis", "job_task_analysis")

_FUNCTIONS, _ROWS = (
    Path(__file__).with_suffix(".sql").read_text().split("-- each of what follows is run for ranges of jobs")
)


def fill(postgres: PostgresServer, name: str, job_tasks: int) -> str:
    """A database of this name with so many finished job tasks; its name."""
    postgres.create(name)
    settings = Settings(database_url=postgres.dsn(name))
    migrate(settings)
    with Store(settings) as store:
        store.key()
        store.register()
        with store.begin() as uow:
            user = access.service_user(uow)
            owner = {"customer": user.customer_id, "user": user.id, "size": JOB_SIZE}
            uow.commit()
    jobs = job_tasks // len(NAMES)
    times = {"start": int((time.time() - _DAYS * 86_400) * 1000), "step": _DAYS * 86_400_000 // jobs}
    with psycopg.connect(postgres.dsn(name), autocommit=True) as connection:
        # constraints hold by the way that the rows are made
        connection.execute("SET session_replication_role = replica")
        connection.execute("SET synchronous_commit = off")
        connection.execute("SET maintenance_work_mem = '1GB'")
        connection.execute(psycopg.ClientCursor(connection).mogrify(_FUNCTIONS, times).encode())
        with _without_indexes(connection):
            for first in range(0, jobs, _AT_A_TIME // JOB_SIZE):
                last = min(jobs, first + _AT_A_TIME // JOB_SIZE) - 1
                for statement in filter(str.strip, _ROWS.split(";\n")):
                    connection.execute(statement.encode(), {**owner, "first": first, "last": last})
                if jobs * JOB_SIZE > _AT_A_TIME:
                    progress(f"{name}: {(last + 1) * JOB_SIZE:,} job tasks")
        connection.execute(f"VACUUM (ANALYZE) {', '.join(_TABLES)}".encode())
    return name


@contextmanager
def _without_indexes(connection: psycopg.Connection) -> Iterator[None]:
    """Indexes that no constraint needs are made anew at the end: that takes far less time."""
    rows = connection.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename = ANY(%s) "
        "AND indexname NOT IN (SELECT conname FROM pg_constraint)",
        [list(_TABLES)],
    ).fetchall()
    for index, _ in rows:
        connection.execute(f'DROP INDEX "{index}"'.encode())
    yield
    for _, definition in rows:
        connection.execute(definition.encode())
