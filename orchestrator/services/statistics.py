"""Statistics over submissions (contract section 5.4)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from orchestrator.domain.caller import Caller
from orchestrator.domain.criteria import Period, SubmissionTime
from orchestrator.domain.statistics import (
    MAX_BUCKETS,
    Extent,
    GroupField,
    Line,
    Path,
    Record,
    StatisticsCriteria,
    Timeline,
)
from orchestrator.errors import Invalid
from orchestrator.services.search import check_size
from orchestrator.store.samples import customers_by_id
from orchestrator.store.search.statistics import Counts
from orchestrator.store.unit_of_work import UnitOfWork


def submission_statistics(
    uow: UnitOfWork, caller: Caller, criteria: StatisticsCriteria, index: Period
) -> list[Record]:
    """The outermost groups of the submissions that match, the largest first.

    Without groups there is one record. Metrics and timelines are those of the innermost groups.
    """
    check_size(criteria)
    counts = Counts(uow.session, caller, criteria, index)
    records = {path: _record(criteria, path, count) for path, count in counts.groups()}
    for path, record in records.items():
        if len(path) > 1:
            records[path[:-1]].buckets.append(record)
    leaves = {path: record for path, record in records.items() if len(path) == len(criteria.group_by)}
    if criteria.statistics:
        found = counts.extents(criteria.statistics)
        for path, record in leaves.items():
            values = found.get(path) or [(None, None)] * len(criteria.statistics)
            record.extents = [Extent(m, *each) for m, each in zip(criteria.statistics, values, strict=True)]
    for timeline in criteria.timeline:
        _add_lines(leaves, timeline, counts, _bounds(timeline, criteria, index))
    _name_customers(uow, records)
    return [record for path, record in records.items() if len(path) <= 1]


def _record(criteria: StatisticsCriteria, path: Path, count: int) -> Record:
    if not path:
        return Record(path, count)
    return Record(path, count, criteria.group_by[len(path) - 1], path[-1], path[-1])


def _name_customers(uow: UnitOfWork, records: Mapping[Path, Record]) -> None:
    groups = [
        record
        for record in records.values()
        if record.group_by is not None and record.group_by.field is GroupField.customer
    ]
    customers = customers_by_id(uow.session, (int(record.path[-1]) for record in groups))
    for record in groups:
        customer = customers.get(int(record.path[-1]))
        if customer is not None:
            record.short_name, record.display_name = customer.short_name, customer.name


def _add_lines(leaves: Mapping[Path, Record], timeline: Timeline, counts: Counts, bounds: Period) -> None:
    lines = {path: Line(timeline) for path in leaves}
    for path, start, count in counts.buckets(timeline):
        lines[path].buckets[start] = count
    if timeline.include_empty:
        room = MAX_BUCKETS
        for line in lines.values():
            room -= _fill(line, bounds, room)
    for path, line in lines.items():
        leaves[path].lines.append(line)


def _bounds(timeline: Timeline, criteria: StatisticsCriteria, index: Period) -> Period:
    """What a timeline with empty buckets covers at least: the period that the request asked for."""
    return index if timeline.field is SubmissionTime.submitted else criteria.period


def _fill(line: Line, bounds: Period, room: int) -> int:
    """Add the empty buckets from the first to the last that is known of; how many buckets there are then."""
    known: list[datetime] = [*line.buckets, *(each for each in (bounds.start, bounds.end) if each)]
    if not known:
        return 0
    filled: dict[datetime, int] = {}
    for start in line.timeline.resolution.between(min(known), max(known)):
        if len(filled) >= room:
            text = f"more than {MAX_BUCKETS} buckets: take a longer resolution or a shorter period"
            raise Invalid("timeline", text)
        filled[start] = line.buckets.get(start, 0)
    line.buckets = filled
    return len(filled)
