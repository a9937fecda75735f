"""What statistics over submissions ask for and answer (contract section 5.4)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from orchestrator.domain.criteria import SubmissionCriteria, SubmissionTime
from orchestrator.errors import Invalid

#: How deep groups may nest, and how many of them (of buckets in timelines, too) one answer may hold.
MAX_LEVELS = 6
MAX_BUCKETS = 100_000


class GroupField(StrEnum):
    """What submissions are grouped by."""

    customer = "customer"
    file_name = "fileName"
    sample_sha256 = "sampleSha256"
    mime_type = "mimeType"
    tlp = "tlp"
    #: The value under one key, ``metaDataField``; submissions without it are in no group.
    meta_data = "metaData"


class Resolution(StrEnum):
    """How long the buckets of a timeline are; all begin in UTC, weeks on Mondays."""

    hour = "hour"
    day = "day"
    week = "week"
    month = "month"
    quarter = "quarter"

    @property
    def months(self) -> int:
        """How many calendar months a bucket has, 0 for those of fixed length."""
        return {Resolution.month: 1, Resolution.quarter: 3}.get(self, 0)

    @property
    def length(self) -> timedelta:
        """How long a bucket of fixed length is."""
        return {Resolution.hour: timedelta(hours=1), Resolution.day: timedelta(days=1)}.get(
            self, timedelta(weeks=1)
        )

    def floor(self, moment: datetime) -> datetime:
        """Where the bucket that the moment is in begins."""
        if self.months:
            month = (moment.month - 1) // self.months * self.months + 1
            return datetime(moment.year, month, 1, tzinfo=UTC)
        try:
            return moment - (moment - MONDAY) % self.length
        except OverflowError:
            return BEGINNING

    def next(self, start: datetime) -> datetime:
        """Where the bucket after this one begins."""
        if not self.months:
            return start + self.length
        last = start.month - 1 + self.months
        year, month = start.year + last // 12, last % 12 + 1
        return datetime(year, month, 1, tzinfo=UTC)

    def between(self, first: datetime, last: datetime) -> Iterator[datetime]:
        """The beginning of every bucket from that of the first moment to that of the last."""
        start, end = self.floor(first), self.floor(last)
        yield start
        while start < end:
            start = self.next(start)
            yield start


#: A Monday at midnight, to count weeks, days and hours from.
MONDAY = datetime(1970, 1, 5, tzinfo=UTC)

#: The first moment there is; the week that it is in has no Monday.
BEGINNING = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupBy:
    """One level of groups: the ``limit`` largest."""

    field: GroupField
    limit: int = 25
    meta_data_field: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """The least and greatest of a moment."""

    name: str
    field: SubmissionTime


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """How many submissions per bucket of time, with ``include_empty`` also those that have none."""

    name: str
    field: SubmissionTime
    resolution: Resolution
    include_empty: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StatisticsCriteria(SubmissionCriteria):
    """Which submissions are counted, and how."""

    group_by: tuple[GroupBy, ...] = ()
    statistics: tuple[Metric, ...] = ()
    timeline: tuple[Timeline, ...] = ()

    def __post_init__(self) -> None:
        if len(self.group_by) > MAX_LEVELS:
            raise Invalid("groupBy", f"groups nest at most {MAX_LEVELS} deep")
        if any(each.field is GroupField.meta_data and not each.meta_data_field for each in self.group_by):
            raise Invalid("groupBy", "metaDataField is needed to group by metaData")
        names: set[str] = set()
        for place, named in (("statistics", self.statistics), ("timeline", self.timeline)):
            for each in named:
                if each.name in names:
                    raise Invalid(place, f"the name {each.name!r} is given twice")
                names.add(each.name)


#: Which group: the value of each level's field, outermost first.
Path = tuple[str, ...]


@dataclass(slots=True)
class Extent:
    """The least and greatest of a moment within a group; both None where no submission has it."""

    metric: Metric
    least: datetime | None = None
    greatest: datetime | None = None


@dataclass(slots=True)
class Line:
    """A timeline within a group, its buckets in order."""

    timeline: Timeline
    buckets: dict[datetime, int] = field(default_factory=dict)


@dataclass(slots=True)
class Record:
    """A group of submissions: what it is, how many they are, and the groups in it or its metrics."""

    path: Path
    count: int
    group_by: GroupBy | None = None
    short_name: str = ""
    display_name: str = ""
    buckets: list[Record] = field(default_factory=list)
    extents: list[Extent] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
