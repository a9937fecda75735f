"""Sorting, paging and counting, the same for every list (contract section 1.6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from orchestrator.domain.paging import Found, Page

T = TypeVar("T")

#: Where counting is abandoned.
COUNT_CEILING = 10_000


def order(
    statement: Select[Any], page: Page, columns: Mapping[str, Any], tie_break: ColumnElement[Any] | Any
) -> Select[Any]:
    """Apply the page's chained sort: nulls last, ties broken by id in the first key's direction."""
    for key in page.sort:
        column = columns[key.name]
        nullable = getattr(column, "nullable", True)
        directed = column.desc() if key.descending else column.asc()
        statement = statement.order_by(directed.nulls_last() if nullable else directed)
    downwards = bool(page.sort) and page.sort[0].descending
    return statement.order_by(tie_break.desc() if downwards else tie_break.asc())


def paged(
    session: Session,
    statement: Select[T],
    page: Page,
    columns: Mapping[str, Any],
    tie_break: ColumnElement[Any] | Any,
) -> Found[T]:
    """The page of ``statement``'s entities, and the count of all that match.

    Above :data:`COUNT_CEILING` counting is abandoned, and the count is -1 (contract section 1.3): the
    first page of ten million rows must not take longer than that of ten thousand.
    """
    count = count_of(session, statement)
    if count <= page.offset and count <= COUNT_CEILING:
        return Found([], count, page)
    # one more than allowed tells whether an unlimited result is too large
    fetch = page.limit or page.maximum + 1
    ordered = order(statement, page, columns, tie_break).limit(fetch).offset(page.offset)
    rows = session.scalars(ordered).unique().all()
    if not page.limit:
        page.check(page.offset + len(rows))
        return Found(rows, page.offset + len(rows), page)
    return Found(rows, count if count <= COUNT_CEILING else -1, page)


def count_of(session: Session, statement: Select[Any]) -> int:
    """How many rows the statement has, whatever its order and page; at most one over the ceiling."""
    bare = statement.order_by(None).options().limit(COUNT_CEILING + 1)
    return session.scalar(select(func.count()).select_from(bare.subquery())) or 0
