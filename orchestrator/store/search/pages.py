"""The page of a search, and a count that cannot take longer than it is worth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from sqlalchemy import Select, func, literal, select
from sqlalchemy.orm import Session

from orchestrator.domain.paging import Found, Page
from orchestrator.store.paging import order

T = TypeVar("T")

#: Where counting is abandoned: the count is -1 then, as the contract allows (section 1.3).
MAX_COUNT = 1_000_000


def count_statement(statement: Select[Any]) -> Select[int]:
    """How many rows match, up to one more than ``MAX_COUNT``."""
    bare = statement.order_by(None).options().with_only_columns(literal(1), maintain_column_froms=True)
    return select(func.count()).select_from(bare.limit(MAX_COUNT + 1).subquery())


def page_statement(statement: Select[T], page: Page, columns: Mapping[str, Any], tie_break: Any) -> Select[T]:
    return order(statement, page, columns, tie_break).limit(page.fetch).offset(page.offset)


def find(
    session: Session, statement: Select[T], page: Page, columns: Mapping[str, Any], tie_break: Any
) -> Found[T]:
    """The page of a search, with the count of all that match, or -1 where they are too many to count."""
    count = session.scalar(count_statement(statement)) or 0
    page.check(count)
    if page.offset >= count:
        return Found([], _told(count), page)
    rows = session.scalars(page_statement(statement, page, columns, tie_break)).unique().all()
    return Found(rows, _told(count), page)


def _told(count: int) -> int:
    return count if count <= MAX_COUNT else -1
