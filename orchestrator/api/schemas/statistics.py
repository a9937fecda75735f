"""Statistics over submissions, on the wire (contract section 5.4)."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from orchestrator.api.schemas.base import Whole, Wire, millis
from orchestrator.api.schemas.search import Criterion, Indexed, Many, SubmissionSubCriterion, Text
from orchestrator.domain import statistics
from orchestrator.domain.criteria import SubmissionTime
from orchestrator.domain.statistics import (
    MAX_BUCKETS,
    Extent,
    GroupField,
    Line,
    Record,
    Resolution,
)

Name = Annotated[str, Field(pattern="^[a-zA-Z0-9_-]+$", max_length=256)]


def _one(field: SubmissionTime) -> SubmissionTime:
    if field is SubmissionTime.all:
        raise ValueError("must be one of submittedTimestamp, observedTimestamp and expiryTimestamp")
    return field


Moment = Annotated[SubmissionTime, AfterValidator(_one)]


class GroupByRequest(Criterion):
    makes = statistics.GroupBy

    field: GroupField
    limit: Annotated[Whole, Field(ge=1, le=MAX_BUCKETS)] = 25
    meta_data_field: Text | None = None


class MetricRequest(Criterion):
    makes = statistics.Metric

    name: Name
    field: Moment


class TimelineRequest(Criterion):
    makes = statistics.Timeline

    name: Name
    field: Moment
    resolution: Resolution
    include_empty: bool = False


class StatisticsRequest(SubmissionSubCriterion, Indexed):
    makes = statistics.StatisticsCriteria

    sub_criteria: Many[SubmissionSubCriterion] = []
    group_by: Many[GroupByRequest] = []
    statistics: Many[MetricRequest] = []
    timeline: Many[TimelineRequest] = []


class Group(Wire):
    type: GroupField
    identifier: str
    short_name: str
    display_name: str
    meta_data_field: str | None = None


class MetricResponse(Wire):
    name: str
    field: SubmissionTime
    min: int | None
    max: int | None

    @classmethod
    def of(cls, extent: Extent) -> MetricResponse:
        metric = extent.metric
        least, greatest = millis(extent.least), millis(extent.greatest)
        return cls(name=metric.name, field=metric.field, min=least, max=greatest)


class Bucket(Wire):
    timestamp: int
    count: int


class TimelineResponse(Wire):
    name: str
    field: SubmissionTime
    buckets: list[Bucket]

    @classmethod
    def of(cls, line: Line) -> TimelineResponse:
        buckets = [Bucket(timestamp=millis(start) or 0, count=n) for start, n in line.buckets.items()]
        return cls(name=line.timeline.name, field=line.timeline.field, buckets=buckets)


class SubmissionMetricRecord(Wire):
    """A group of submissions; without groups, all of them. Metrics are on the innermost groups only."""

    group: Group | None = None
    count: int
    buckets: list[SubmissionMetricRecord] = []
    statistics: list[MetricResponse] = []
    timeline: list[TimelineResponse] = []

    @classmethod
    def of(cls, record: Record) -> SubmissionMetricRecord:
        return cls(
            group=_group(record),
            count=record.count,
            buckets=[cls.of(each) for each in record.buckets],
            statistics=[MetricResponse.of(each) for each in record.extents],
            timeline=[TimelineResponse.of(each) for each in record.lines],
        )


def _group(record: Record) -> Group | None:
    if record.group_by is None:
        return None
    by_meta_data = record.group_by.field is GroupField.meta_data
    return Group(
        type=record.group_by.field,
        identifier=record.path[-1],
        short_name=record.short_name,
        display_name=record.display_name,
        meta_data_field=record.group_by.meta_data_field if by_meta_data else None,
    )
