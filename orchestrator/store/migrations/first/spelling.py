"""How the migration of the first schema spells types and indexes on both databases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

TEXT = sa.Text()
UUID = sa.Uuid()
INTEGER = sa.Integer()
BOOLEAN = sa.Boolean()
BINARY = sa.LargeBinary()
DOUBLE: sa.Double[float] = sa.Double()
#: Epoch milliseconds, or a count of bytes.
BIG = sa.BigInteger()
#: A member of an enum, by value.
NAME = sa.String(24)
JSON = sa.JSON().with_variant(JSONB(), "postgresql")
COUNTER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def index(
    name: str,
    table: str,
    columns: Sequence[str | sa.TextClause],
    *,
    unique: bool = False,
    where: str = "",
    sqlite_where: str = "",
) -> None:
    """An index, over the rows alone that ``where`` takes."""
    partial: dict[str, Any] = {}
    if where:
        partial = {"postgresql_where": sa.text(where), "sqlite_where": sa.text(sqlite_where or where)}
    op.create_index(name, table, list(columns), unique=unique, **partial)


def coarse(name: str, table: str, columns: Sequence[str | sa.TextClause]) -> None:
    """An index for PostgreSQL alone."""
    if op.get_bind().dialect.name == "postgresql":
        op.create_index(name, table, list(columns))


def documents(name: str, table: str, column: str) -> None:
    """An index over the values in a JSON column, for PostgreSQL alone."""
    if op.get_bind().dialect.name == "postgresql":
        op.create_index(
            name, table, [column], postgresql_using="gin", postgresql_ops={column: "jsonb_path_ops"}
        )


def trigrams(*tables: str) -> None:
    """An index over any part of the tables' keyword texts, for PostgreSQL alone."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        for table in tables:
            op.execute(f"CREATE INDEX ix_{table}_search_trigram ON {table} USING gin (search gin_trgm_ops)")
