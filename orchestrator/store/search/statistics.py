"""Counting submissions by groups and over time (contract section 5.4), in a few statements."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    CTE,
    BigInteger,
    Select,
    Text,
    and_,
    cast,
    extract,
    func,
    literal,
    null,
    select,
    type_coerce,
    union_all,
)
from sqlalchemy.orm import Session

from orchestrator.domain.caller import Caller
from orchestrator.domain.criteria import Period
from orchestrator.domain.statistics import (
    BEGINNING,
    MAX_BUCKETS,
    MONDAY,
    GroupBy,
    GroupField,
    Metric,
    Path,
    Resolution,
    StatisticsCriteria,
    Timeline,
)
from orchestrator.errors import Invalid
from orchestrator.store.search.planner import prepare
from orchestrator.store.search.submissions import MOMENTS, SubmissionQuery
from orchestrator.store.tables import Submission
from orchestrator.store.tables.base import from_millis, to_millis

_COLUMNS: dict[GroupField, Any] = {
    GroupField.customer: cast(Submission.customer_id, Text),
    GroupField.file_name: Submission.file_name,
    GroupField.sample_sha256: Submission.sample_sha256,
    GroupField.mime_type: Submission.mime_type,
    GroupField.tlp: type_coerce(Submission.tlp, Text),
}
_BEGINNING = to_millis(BEGINNING)
_MILLISECOND = timedelta(milliseconds=1)


class Counts:
    """The groups of a request, and what is asked about them. A group is known by its path."""

    def __init__(self, session: Session, caller: Caller, criteria: StatisticsCriteria, index: Period) -> None:
        prepare(session)
        self._session = session
        self._postgresql = session.get_bind().dialect.name == "postgresql"
        self._groups = criteria.group_by
        self._conditions = SubmissionQuery(session, caller).matching(criteria, index)
        self._levels = self._kept()

    def groups(self) -> list[tuple[Path, int]]:
        """Every kept group of every level with its size; parents before children, larger ones first."""
        if not self._levels:
            return [((), self._session.scalar(self._leaves(func.count())) or 0)]
        depth = len(self._levels)
        parts = [
            select(
                literal(level).label("level"),
                *(kept.c[f"g{i}"] if i < level else cast(null(), Text).label(f"g{i}") for i in range(depth)),
                kept.c.size,
                kept.c.rank,
            ).where(kept.c.rank <= group.limit)
            for level, (kept, group) in enumerate(zip(self._levels, self._groups, strict=True), 1)
        ]
        statement = union_all(*parts).order_by("level", "rank")
        rows = self._rows(statement, "groupBy")
        return [(tuple(row[1 : 1 + row.level]), row.size) for row in rows]

    def extents(self, metrics: Sequence[Metric]) -> dict[Path, list[tuple[datetime | None, datetime | None]]]:
        """The least and greatest of each metric's moment, for each leaf that is not empty."""
        pairs = [(func.min(MOMENTS[each.field]), func.max(MOMENTS[each.field])) for each in metrics]
        statement = self._leaves(*(column for pair in pairs for column in pair))
        depth = len(self._groups)
        return {
            tuple(row[:depth]): list(zip(row[depth::2], row[depth + 1 :: 2], strict=True))
            for row in self._session.execute(statement)
        }

    def buckets(self, timeline: Timeline) -> list[tuple[Path, datetime, int]]:
        """How many submissions of each leaf lie in each bucket that has any; in order of time."""
        start = self._bucket(MOMENTS[timeline.field], timeline.resolution)
        statement = self._leaves(start.label("start"), func.count())
        statement = statement.where(MOMENTS[timeline.field].is_not(None)).group_by("start").order_by("start")
        rows = self._rows(statement, "timeline")
        return [(tuple(row[:-2]), from_millis(max(row[-2], _BEGINNING)), row[-1]) for row in rows]

    def _rows(self, statement: Any, field: str) -> Sequence[Any]:
        rows = self._session.execute(statement.limit(MAX_BUCKETS + 1)).all()
        if len(rows) > MAX_BUCKETS:
            raise Invalid(field, f"an answer holds at most {MAX_BUCKETS} groups and buckets; narrow it down")
        return rows

    def _value(self, group: GroupBy) -> Any:
        if group.field is not GroupField.meta_data:
            return _COLUMNS[group.field]
        key = group.meta_data_field
        if self._postgresql:
            return Submission.meta_data.op("->>", return_type=Text())(key)
        return func.json_text(type_coerce(Submission.meta_data, Text), key, type_=Text)

    def _kept(self) -> list[CTE]:
        """For each level, the groups within the kept groups of the level above, ranked by their size."""
        if not self._groups:
            return []
        names = [f"g{i}" for i in range(len(self._groups))]
        values = [self._value(group).label(name) for group, name in zip(self._groups, names, strict=True)]
        # grouped by name: PostgreSQL takes an expression with parameters for another one where it recurs
        counted = (
            select(*values, func.count().label("size"))
            .where(*self._conditions)
            .group_by(*names)
            .cte("counted")
        )
        levels: list[CTE] = []
        for depth in range(len(self._groups)):
            path = [counted.c[f"g{i}"] for i in range(depth + 1)]
            size = cast(func.sum(counted.c.size), BigInteger)
            rank = func.row_number().over(partition_by=path[:-1] or None, order_by=[size.desc(), path[-1]])
            statement = (
                select(*path, size.label("size"), rank.label("rank"))
                .where(path[-1].is_not(None))
                .group_by(*path)
            )
            if levels:
                statement = statement.join(levels[-1], self._within(levels[-1], path, depth))
            levels.append(statement.cte(f"level{depth + 1}"))
        return levels

    def _within(self, kept: CTE, path: Sequence[Any], depth: int) -> Any:
        same = (path[i] == kept.c[f"g{i}"] for i in range(depth))
        return and_(*same, kept.c.rank <= self._groups[depth - 1].limit)

    def _leaves(self, *columns: Any) -> Select[Any]:
        """These aggregates over the submissions of each kept group of the innermost level."""
        if not self._levels:
            return select(*columns).select_from(Submission).where(*self._conditions)
        kept, depth = self._levels[-1], len(self._levels)
        values = [self._value(group) for group in self._groups]
        path = [kept.c[f"g{i}"] for i in range(depth)]
        return (
            select(*path, *columns)
            .select_from(Submission)
            .join(kept, self._within(kept, values, depth))
            .where(*self._conditions)
            .group_by(*path)
        )

    def _bucket(self, column: Any, resolution: Resolution) -> Any:
        """Where the bucket of a moment begins, in epoch milliseconds."""
        millis = type_coerce(column, BigInteger)
        if not resolution.months:
            length = resolution.length // _MILLISECOND
            # the remainder takes the sign of what is divided
            return millis - ((millis - to_millis(MONDAY)) % length + length) % length
        if not self._postgresql:
            return func.bucket_start(millis, resolution.value, type_=BigInteger)
        moment = func.timezone("UTC", func.to_timestamp(millis / 1000.0))
        start = func.date_trunc(resolution.value, moment)
        return cast(extract("epoch", start) * 1000, BigInteger)
