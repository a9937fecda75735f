"""Conditions on one row, spelled so that an index can serve them (``docs/decisions/0003-search.md``)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import orjson
from sqlalchemy import ColumnElement, and_, cast, false, func, literal_column, not_, or_, true
from sqlalchemy.dialects.postgresql import JSONB, JSONPATH

from orchestrator.domain.criteria import Agent, C, Match, MetaData, Period, Tag, sort_out
from orchestrator.domain.keywords import ESCAPE, SECTION, fold, pattern
from orchestrator.store.search.functions import is_number
from orchestrator.store.tables.base import INDEXED

Condition = ColumnElement[bool]
Column = Any

_TRUTHS = ("true", "false", "null")


def every(conditions: Iterable[Condition]) -> Condition:
    return and_(true(), *conditions)


def some(conditions: Iterable[Condition]) -> Condition:
    return or_(false(), *conditions)


def matching(conditions: Sequence[Condition], match: Match) -> Condition:
    return every(conditions) if match is Match.all else some(conditions)


def clauses(wanted: Sequence[C], condition: Callable[[C], Condition]) -> list[Condition]:
    """What required, optional and excluding clauses over the same row amount to."""
    found = sort_out(wanted)
    conditions = [condition(each) for each in found.required]
    if found.optional:
        conditions.append(some(condition(each) for each in found.optional))
    # a condition over NULL is neither true nor false; what is not true does not match
    conditions += [condition(each).is_not(true()) for each in found.excluded]
    return conditions


def one_of(column: Column, values: Sequence[object]) -> list[Condition]:
    return [column.in_(values)] if values else []


def beginning(column: Column) -> Column:
    """How a text begins, as its index has it: spelled out, since a parameter is no part of an index."""
    return func.substr(column, literal_column("1"), literal_column(str(INDEXED)))


def text_is(column: Column, values: Sequence[str]) -> list[Condition]:
    """A text that may be long is one of the values: its index holds only how it begins."""
    if not values:
        return []
    start = beginning(column)
    short = [value for value in values if len(value) < INDEXED]
    long = [value for value in values if len(value) >= INDEXED]
    conditions: list[Condition] = [start.in_(short)] if short else []
    if long:
        conditions.append(and_(start.in_([value[:INDEXED] for value in long]), column.in_(long)))
    return [some(conditions)] if len(conditions) > 1 else conditions


def within(column: Column, period: Period) -> list[Condition]:
    conditions = []
    if period.start is not None:
        conditions.append(column >= period.start)
    if period.end is not None:
        conditions.append(column <= period.end)
    return conditions


def words(keywords: Iterable[str]) -> list[str]:
    """The keywords that say something: an empty one is in every text."""
    return [keyword for keyword in dict.fromkeys(keywords) if fold(keyword)]


def contains(kind: Any, keyword: str, fields: Sequence[str] = ()) -> Condition:
    """The keyword is in the row's text, or in one of these sections of it.

    The whole text is looked into first, since that is what the trigram index holds.
    """
    like = pattern(keyword)
    anywhere: Condition = kind.search.like(like, escape=ESCAPE)
    if not fields:
        return anywhere
    names = [each if isinstance(each, str) else each[0] for each in kind.searched]
    sections = (func.split_part(kind.search, SECTION, names.index(field) + 1) for field in fields)
    return and_(anywhere, some(section.like(like, escape=ESCAPE) for section in sections))


def agents(kind: Any, wanted: Sequence[Agent]) -> list[Condition]:
    """The row's user agent is one of these."""
    found = [
        every(one_of(kind.user_agent_name, each.name) + one_of(kind.user_agent_version, each.version))
        for each in wanted
    ]
    return [some(found)] if found else []


class Documents:
    """Conditions on JSON columns, in a dialect's words."""

    def __init__(self, dialect: str) -> None:
        self._postgresql = dialect == "postgresql"

    def metadata(self, column: Column, wanted: Sequence[MetaData]) -> list[Condition]:
        return clauses(wanted, lambda each: self.has(column, each.path, each.value))

    def flags(self, column: Column, include: Sequence[str], exclude: Sequence[str]) -> list[Condition]:
        """The row carries any of the first, and none of the second."""
        conditions = [self.has(column, "", include)] if include else []
        return conditions + ([not_(self.has(column, "", exclude))] if exclude else [])

    def has(self, column: Column, path: str, values: Sequence[str]) -> Condition:
        """One of the values, or any, is under the path: under the key of that name, or down the keys."""
        paths = [[]] if not path else [[path], path.split(".")] if "." in path else [[path]]
        if self._postgresql:
            return some(column.op("@?", is_comparison=True)(_jsonpath(each, values)) for each in paths)
        return func.json_has(column, _dumps(paths), _dumps(values)) == true()

    def tags(self, column: Column, wanted: Sequence[Tag]) -> list[Condition]:
        found = [self._contains(column, {"type": tag.type, "value": tag.value}) for tag in wanted]
        return [some(found)] if found else []

    def _contains(self, column: Column, member: dict[str, str]) -> Condition:
        if self._postgresql:
            condition: Condition = column.op("@>", is_comparison=True)(cast([member], JSONB))
            return condition
        return func.json_contains(column, _dumps(member)) == true()


def _jsonpath(path: Sequence[str], values: Sequence[str]) -> ColumnElement[Any]:
    """A path that the ``jsonb_path_ops`` indexes serve: equality with constants, joined by or."""
    steps = "".join(f".{_dumps(key)}" for key in path)
    meant = [f"@ == {literal}" for value in values for literal in _literals(value)]
    filters = f" ? ({' || '.join(meant)})" if meant else ""
    return cast(f"${steps}{filters}", JSONPATH)


def _literals(value: str) -> list[str]:
    """What the text of a criterion may mean in JSON: itself, and a number or constant spelled alike."""
    return [_dumps(value)] + ([value] if value in _TRUTHS or is_number(value) else [])


def _dumps(value: object) -> str:
    return orjson.dumps(value).decode()
