"""Many rows in one round trip.

PostgreSQL gets arrays: a statement's text is then the same for any number of rows, so that it is planned
once. SQLite gets one row at a time, which costs no round trip there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Connection, Table, TextClause, bindparam, insert, text, update
from sqlalchemy.dialects import postgresql

from orchestrator.store.tables.base import to_millis

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]


def insert_many(connection: Connection, table: Table, names: Sequence[str], rows: Sequence[Any]) -> None:
    """Insert rows, each an object with an attribute for each of the names."""
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        connection.execute(_insertion(table, tuple(names)), parameters(names, rows))
    else:
        connection.execute(insert(table), [{name: getattr(row, name) for name in names} for row in rows])


@cache
def _insertion(table: Table, names: tuple[str, ...]) -> TextClause:
    return text(f"INSERT INTO {table.name} ({quoted(names)}) SELECT * FROM {unnested(table, names)}")  # noqa: S608


def update_many(
    connection: Connection, table: Table, key: str, names: Sequence[str], rows: Sequence[Any]
) -> None:
    """Write these columns of rows, found by their key."""
    if connection.dialect.name == "postgresql":
        written = parameters((key, *names), rows)
        connection.execute(_update(table, key, tuple(names)), written)
        return
    statement = (
        update(table)
        .where(table.c[key] == bindparam("its_key"))
        .values({name: bindparam(f"its_{name}") for name in names})
    )
    connection.execute(
        statement,
        [
            {f"its_{name}": getattr(row, name) for name in names} | {"its_key": getattr(row, key)}
            for row in rows
        ],
    )


@cache
def _update(table: Table, key: str, names: tuple[str, ...]) -> TextClause:
    columns = (key, *names)
    changes = ", ".join(f'"{name}" = new."{name}"' for name in names)
    return text(
        f"UPDATE {table.name} SET {changes} FROM {unnested(table, columns)} AS new ({quoted(columns)})"  # noqa: S608
        f' WHERE {table.name}."{key}" = new."{key}"'
    )


def quoted(names: Sequence[str]) -> str:
    """Columns' names as a statement lists them."""
    return ", ".join(f'"{name}"' for name in names)


def unnested(table: Table, names: Sequence[str]) -> str:
    """PostgreSQL's rows of :func:`parameters`."""
    kinds = (table.c[name].type.compile(_DIALECT) for name in names)
    casts = (f"CAST(:{name} AS {kind}[])" for name, kind in zip(names, kinds, strict=True))
    return f"unnest({', '.join(casts)})"


def parameters(names: Sequence[str], rows: Sequence[Any]) -> dict[str, str]:
    """The rows by columns, each an array's literal: the driver takes an order of magnitude longer."""
    return {name: array([getattr(row, name) for row in rows]) for name in names}


def array(values: Sequence[Any]) -> str:
    """PostgreSQL's literal of an array; moments become milliseconds, objects and lists JSON."""
    if len({id(each) for each in values}) == 1:
        # most columns of a batch are of one value
        return "{" + ",".join([_element(values[0])] * len(values)) + "}"
    return "{" + ",".join([_element(each) for each in values]) + "}"


def _element(value: Any) -> str:
    return _WRITERS.get(type(value), _quoted)(value)


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _json(value: Any) -> str:
    return _quoted(orjson.dumps(value).decode())


_WRITERS: dict[type, Callable[[Any], str]] = {
    type(None): lambda _: "NULL",
    UUID: lambda value: value.hex,
    datetime: lambda value: str(to_millis(value)),
    bool: lambda value: "t" if value else "f",
    int: str,
    dict: _json,
    list: _json,
}
