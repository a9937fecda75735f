"""What PostgreSQL has and SQLite lacks, for the searches; made known to each SQLite connection."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import orjson

from orchestrator.domain.statistics import Resolution
from orchestrator.store.tables.base import from_millis, to_millis

_NUMBER = re.compile(r"-?(0|[1-9]\d{0,30})(\.\d{1,30})?")


def is_number(text: str) -> bool:
    """Whether a value of a criterion may also mean a JSON number."""
    return _NUMBER.fullmatch(text) is not None


def split_part(text: str | None, mark: str, position: int) -> str:
    """The part at ``position``, counted from 1, between marks; empty where there are fewer."""
    parts = (text or "").split(mark)
    return parts[position - 1] if position <= len(parts) else ""


def json_has(document: str | float | None, paths: str, values: str) -> bool:
    """Whether a JSON document has one of the values, or any where none is named, under one of the paths.

    Both are JSON lists. Lists on the way count by their elements, as in PostgreSQL's lax jsonpath.
    """
    if document is None:
        return False
    # a text that is nothing but a number is one to SQLite
    root = orjson.loads(document) if isinstance(document, str) else document
    wanted = orjson.loads(values)
    return any(
        not wanted or any(_means(leaf, value) for value in wanted)
        for path in orjson.loads(paths)
        for leaf in _leaves(root, path)
    )


def _leaves(root: Any, path: Sequence[str]) -> list[Any]:
    nodes = [root]
    for key in path:
        nodes = [node[key] for node in _unwrap(nodes) if isinstance(node, dict) and key in node]
    return _unwrap(nodes)


def _unwrap(nodes: list[Any]) -> list[Any]:
    return [item for node in nodes for item in (node if isinstance(node, list) else [node])]


def _means(leaf: Any, value: str) -> bool:
    if isinstance(leaf, str):
        return leaf == value
    if isinstance(leaf, bool) or leaf is None:
        return value == orjson.dumps(leaf).decode()
    return isinstance(leaf, int | float) and is_number(value) and Decimal(str(leaf)) == Decimal(value)


def json_contains(documents: str | None, wanted: str) -> bool:
    """Whether a JSON list has an object with at least these members."""
    members = orjson.loads(wanted).items()
    listed = orjson.loads(documents or "[]")
    return any(isinstance(each, dict) and members <= each.items() for each in listed)


def json_text(document: str | None, key: str) -> str | None:
    """The text under a key of a JSON object, None where there is none; PostgreSQL's ``->>``."""
    value = orjson.loads(document or "{}").get(key)
    return value if value is None or isinstance(value, str) else orjson.dumps(value).decode()


def bucket_start(millis: int | None, resolution: str) -> int | None:
    """Where the bucket of a timeline that the moment is in begins, in epoch milliseconds."""
    return None if millis is None else to_millis(Resolution(resolution).floor(from_millis(millis)))


def register(connection: sqlite3.Connection) -> None:
    """Make the functions known to a connection."""
    connection.create_function("split_part", 3, split_part, deterministic=True)
    connection.create_function("json_has", 3, json_has, deterministic=True)
    connection.create_function("json_contains", 2, json_contains, deterministic=True)
    connection.create_function("json_text", 2, json_text, deterministic=True)
    connection.create_function("bucket_start", 2, bucket_start, deterministic=True)
