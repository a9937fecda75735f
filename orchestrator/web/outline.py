"""A worker's result as nested lists and tables: readable, and bounded whatever the worker returned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator.web.shape import Shape

#: How much of one result is laid out; the rest is in the raw JSON.
_BUDGET = 1500
_DEPTH = 6
_WIDTH = 100
_LONGEST = 2000
_COLUMNS = 8


@dataclass(slots=True)
class Node:
    """``kind`` is text, map, list, inline, table or more; what it holds depends on that."""

    kind: str
    text: str = ""
    #: What the schema says of it.
    hint: str = ""
    items: list[tuple[str, Node]] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    rows: list[list[Node]] = field(default_factory=list)
    #: How many elements were left out.
    left: int = 0


class _Layout:
    def __init__(self) -> None:
        self.left = _BUDGET

    def node(self, value: Any, shape: Shape, depth: int = 0) -> Node:
        self.left -= 1
        if isinstance(value, Mapping) and value:
            return self._map(value, shape, depth)
        if isinstance(value, list) and value:
            return self._list(value, shape.item(), depth)
        return Node("text", _text(value))

    def _full(self, depth: int) -> bool:
        return depth >= _DEPTH or self.left <= 0

    def _map(self, value: Mapping[str, Any], shape: Shape, depth: int) -> Node:
        if self._full(depth):
            return Node("more", left=len(value))
        shown = shape.names(value)[:_WIDTH]
        items = [(shape.label(name), self.node(value[name], shape.field(name), depth + 1)) for name in shown]
        for name, (_, each) in zip(shown, items, strict=True):
            each.hint = shape.hint(name)
        return Node("map", items=items, left=len(value) - len(shown))

    def _list(self, value: Sequence[Any], shape: Shape, depth: int) -> Node:
        """A list whose elements have that shape."""
        if self._full(depth):
            return Node("more", left=len(value))
        shown = value[:_WIDTH]
        left = len(value) - len(shown)
        names = shape.names(_columns(shown))
        if names:
            shapes = [shape.field(name) for name in names]
            rows = [
                [self.node(row.get(name), each, depth + 1) for name, each in zip(names, shapes, strict=True)]
                for row in shown
            ]
            return Node("table", columns=[shape.label(name) for name in names], rows=rows, left=left)
        kind = "list" if any(isinstance(each, Mapping | list) for each in shown) else "inline"
        return Node(kind, items=[("", self.node(each, shape, depth + 1)) for each in shown], left=left)


def _columns(rows: Sequence[Any]) -> list[str]:
    """The common columns, where every element is a flat object of a few fields."""
    if len(rows) < 2 or not all(isinstance(row, Mapping) and row for row in rows):  # noqa: PLR2004
        return []
    names = list(dict.fromkeys(name for row in rows for name in row))
    flat = all(not isinstance(each, Mapping) for row in rows for each in row.values())
    return names if flat and len(names) <= _COLUMNS else []


def _text(value: Any) -> str:
    if value is None or value in ({}, []):
        return "—"
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def outline(value: Any, schema: Any = None) -> Node:
    """The result laid out, with the names and in the order of its registered schema."""
    return _Layout().node(value, Shape.of(schema))
