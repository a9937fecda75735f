"""Contract 5.4: statistics of submissions."""

import datetime as dt
import time
from typing import Any

import pytest

from tests.contract.driver import Api, fields_of, refused
from tests.contract.shelves import DAY, HOUR, PAST, submission_shelf
from tests.contract.shelves import SubmissionShelf as Shelf


@pytest.fixture(scope="module")
def shelf(analyzer: Api) -> Shelf:
    return submission_shelf(analyzer)


@pytest.fixture
def count(viewer: Api, shelf: Shelf) -> Any:
    """The statistics of the three."""

    def statistics(**fields: Any) -> list[dict[str, Any]]:
        answer = viewer.submission.submission_statistics(id=list(shelf.ids.values()), **fields)
        return list(answer["data"])

    return statistics


def test_without_grouping_there_is_one_record(count: Any) -> None:
    assert [record["count"] for record in count()] == [3]
    (record,) = count(tlp=["green"])
    assert record["count"] == 1


def test_groups_are_the_largest_first(count: Any, shelf: Shelf) -> None:
    """Each with its type, identifier and names, which fall back to the identifier."""
    records = count(groupBy=[{"field": "mimeType"}])
    assert [(r["group"]["identifier"], r["count"]) for r in records] == [
        (f"application/{shelf.word}", 2),
        (f"text/{shelf.word}", 1),
    ]
    assert records[0]["group"] == {
        "type": "mimeType",
        "identifier": f"application/{shelf.word}",
        "shortName": f"application/{shelf.word}",
        "displayName": f"application/{shelf.word}",
    }


@pytest.mark.parametrize("field", ["customer", "fileName", "sampleSha256", "mimeType", "tlp"])
def test_each_group_field(count: Any, shelf: Shelf, field: str) -> None:
    records = count(groupBy=[{"field": field}])
    assert sum(r["count"] for r in records) == 3
    assert len(records) == {"customer": 1, "fileName": 3, "sampleSha256": 2, "mimeType": 2, "tlp": 3}[field]
    assert {r["group"]["type"] for r in records} == {field}
    if field == "customer":
        customer = shelf.sample.submission["customer"]
        assert records[0]["group"]["identifier"] == str(customer["id"])
        assert records[0]["group"]["shortName"] == customer["shortName"]


def test_groups_by_metadata(count: Any, shelf: Shelf) -> None:
    """Which needs to know the field."""
    records = count(groupBy=[{"field": "metaData", "metaDataField": "case"}])
    found = {r["group"]["identifier"]: r["count"] for r in records}
    assert found == {shelf.word: 2, f"{shelf.word}-c": 1}
    assert {r["group"]["metaDataField"] for r in records} == {"case"}


def test_groups_nest(count: Any, shelf: Shelf) -> None:
    """The next level is in `buckets`; metrics are on the leaves only."""
    records = count(
        groupBy=[{"field": "sampleSha256"}, {"field": "tlp", "limit": 1}],
        statistics=[{"name": "seen", "field": "observedTimestamp"}],
        timeline=[{"name": "line", "field": "observedTimestamp", "resolution": "day"}],
    )
    assert [r["count"] for r in records] == [2, 1]
    assert records[0]["group"]["identifier"] == shelf.sample.sha256
    assert not records[0].get("statistics")
    assert not records[0].get("timeline")
    assert len(records[0]["buckets"]) == 1
    leaf = records[0]["buckets"][0]
    assert leaf["count"] == 1
    assert leaf["statistics"][0]["name"] == "seen"
    assert leaf["timeline"][0]["name"] == "line"
    assert not leaf.get("buckets")


def test_a_group_limit_keeps_the_largest(count: Any, shelf: Shelf) -> None:
    records = count(groupBy=[{"field": "mimeType", "limit": 1}])
    assert [r["group"]["identifier"] for r in records] == [f"application/{shelf.word}"]


def test_metrics_are_least_and_greatest(count: Any) -> None:
    statistics = [{"name": f"m-{f}", "field": f} for f in ("observedTimestamp", "submittedTimestamp")]
    (record,) = count(statistics=statistics)
    by_name = {s["name"]: s for s in record["statistics"]}
    seen = by_name["m-observedTimestamp"]
    assert (seen["field"], seen["min"], seen["max"]) == ("observedTimestamp", PAST, PAST + 3 * DAY)
    submitted = by_name["m-submittedTimestamp"]
    assert submitted["min"] <= submitted["max"] <= time.time() * 1000 + DAY


def test_a_metric_over_nothing_has_no_values(count: Any) -> None:
    (record,) = count(tlp=["green"], statistics=[{"name": "x", "field": "expiryTimestamp"}])
    assert not {"min", "max"} & record["statistics"][0].keys()


def test_timelines(count: Any) -> None:
    """Ascending buckets that begin where their hour or day begins."""
    day = PAST - PAST % DAY

    def line(resolution: str, **fields: Any) -> list[tuple[int, int]]:
        timeline = [{"name": "t", "field": "observedTimestamp", "resolution": resolution, **fields}]
        (record,) = count(timeline=timeline)
        assert record["timeline"][0]["field"] == "observedTimestamp"
        return [(b["timestamp"], b["count"]) for b in record["timeline"][0]["buckets"]]

    hour = PAST - PAST % HOUR
    assert line("hour") == [(hour, 1), (hour + HOUR, 1), (hour + 3 * DAY, 1)]
    assert line("day") == [(day, 2), (day + 3 * DAY, 1)]
    assert line("day", includeEmpty=True) == [
        (day, 2),
        (day + DAY, 0),
        (day + 2 * DAY, 0),
        (day + 3 * DAY, 1),
    ]
    assert [n for _, n in line("week")] == [3]
    assert line("month") == [(int(dt.datetime(2021, 5, 1, tzinfo=dt.UTC).timestamp() * 1000), 3)]
    assert line("quarter") == [(int(dt.datetime(2021, 4, 1, tzinfo=dt.UTC).timestamp() * 1000), 3)]


@pytest.mark.parametrize(
    "body",
    [
        {"groupBy": [{"field": "colour"}]},
        {"groupBy": [{"field": "metaData"}]},
        {"groupBy": [{"field": "tlp", "limit": 0}]},
        {"groupBy": [{}]},
        {"groupBy": "tlp"},
        {"statistics": [{"name": "a b", "field": "observedTimestamp"}]},
        {"statistics": [{"name": "", "field": "observedTimestamp"}]},
        {"statistics": [{"name": "a", "field": "colour"}]},
        {"statistics": [{"field": "observedTimestamp"}]},
        {
            "statistics": [
                {"name": "a", "field": "observedTimestamp"},
                {"name": "a", "field": "expiryTimestamp"},
            ]
        },
        {"timeline": [{"name": "a", "field": "observedTimestamp"}]},
        {"timeline": [{"name": "a", "field": "observedTimestamp", "resolution": "year"}]},
        {"timeline": [{"name": "a", "field": "observedTimestamp", "resolution": "day"}] * 2},
    ],
)
def test_wrong_statistics_are_refused(viewer: Api, body: dict[str, Any]) -> None:
    response = viewer.send("POST", "/submission/statistics", json=body)
    assert response.status_code == 412
    assert response.json()["messages"][0]["field"].startswith(next(iter(body)))


def test_a_name_is_unique_in_the_whole_request(viewer: Api) -> None:
    """Between metrics and timelines too."""
    with refused(412) as caught:
        viewer.submission.submission_statistics(
            statistics=[{"name": "a", "field": "observedTimestamp"}],
            timeline=[{"name": "a", "field": "observedTimestamp", "resolution": "day"}],
        )
    assert fields_of(caught)
