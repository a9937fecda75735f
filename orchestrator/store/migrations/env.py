"""Run the migrations in one transaction, behind a lock where the database has one."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Engine

from orchestrator.store.engine import WRITE
from orchestrator.store.tables import Base

#: Any number that nobody else uses: two starting processes must not migrate at once.
_LOCK = 8_585_001

engine: Engine = context.config.attributes["engine"]

with engine.execution_options(**{WRITE: True}).connect() as connection:
    context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
    with context.begin_transaction():
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        context.run_migrations()
    connection.commit()
