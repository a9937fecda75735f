"""What all tables share: naming of constraints, and the column types that two dialects spell alike."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    Dialect,
    Enum,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TextClause,
    TypeDecorator,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine.default import DefaultExecutionContext
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column

from orchestrator.domain.keywords import text_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

#: A JSON value; PostgreSQL keeps it parsed, so that it can be searched.
Json = JSON().with_variant(JSONB(), "postgresql")

#: How much of a text that may be long its index holds, in characters.
INDEXED = 200

#: A key that the database counts up. SQLite counts up only a plain INTEGER.
Counter = BigInteger().with_variant(Integer(), "sqlite")


def to_millis(moment: datetime) -> int:
    """Milliseconds since the epoch, rounded down."""
    return (moment - EPOCH) // _MILLISECOND


def from_millis(millis: int) -> datetime:
    """The aware moment in UTC."""
    return EPOCH + timedelta(milliseconds=millis)


class Instant(TypeDecorator[datetime]):
    """An aware moment, kept as epoch milliseconds: the wire's own precision, and alike everywhere."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:  # noqa: ARG002
        return to_millis(value) if isinstance(value, datetime) else value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else from_millis(value)


def values(enum: type[StrEnum]) -> Enum:
    """A column type that keeps an enum's values, unconstrained: a new member needs no migration."""
    return Enum(
        enum,
        values_callable=lambda members: [member.value for member in members],
        native_enum=False,
        create_constraint=False,
        length=24,
    )


def documents(name: str, column: str) -> Any:
    """An index over the values in a JSON column, for PostgreSQL alone."""
    index = Index(name, column, postgresql_using="gin", postgresql_ops={column: "jsonb_path_ops"})
    return index.ddl_if(dialect="postgresql")


def coarse(name: str, column: str | TextClause) -> Any:
    """An index over a column of few values, some of them rare, for PostgreSQL alone.

    SQLite, which keeps no statistics by itself, would prefer it to a far better one.
    """
    return Index(name, column).ddl_if(dialect="postgresql")


def beginning(column: str) -> TextClause:
    """How a text begins, to be indexed: a whole one may be longer than PostgreSQL's B-tree takes."""
    return text(f"substr({column}, 1, {INDEXED})")


class Base(DeclarativeBase):
    if TYPE_CHECKING:
        __table__: ClassVar[Table]

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own declaration
        datetime: Instant,
        dict[str, Any]: Json,
        dict[str, str]: Json,
        list[Any]: Json,
        list[str]: Json,
        str: Text,
    }


class Searchable:
    """A row that keyword search looks into.

    ``search`` is made of the columns that ``searched`` names, wherever the row is inserted: one section
    for each, or for several that belong together. The longest comes last.
    """

    searched: ClassVar[tuple[str | tuple[str, ...], ...]]

    @classmethod
    def keyword_text(cls, value: Callable[[str], object]) -> str:
        """The text of a row, of whose columns ``value`` gives each by name."""
        sections = [(each,) if isinstance(each, str) else each for each in cls.searched]
        return text_of(*([value(name) for name in names] for names in sections))

    @declared_attr
    def search(cls) -> Mapped[str]:  # noqa: N805 - SQLAlchemy's own convention
        """The row's keyword text. It may be long, and nobody shows it, so queries leave it out."""

        def make(context: DefaultExecutionContext) -> str:
            return cls.keyword_text(context.get_current_parameters().get)  # type: ignore[no-untyped-call]

        # sorted to the end: the other columns' defaults must be known when this one is made
        return mapped_column(Text, default=make, server_default="", deferred=True, sort_order=1000)
