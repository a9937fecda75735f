"""Statistics over submissions, over both databases (contract section 5.4)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from orchestrator.domain.vocabulary import Role
from orchestrator.services import statistics as service
from orchestrator.store.search import statistics as store
from tests.integration.api import Api

DAY = 86_400_000
HOUR = 3_600_000


def millis(*when: int) -> int:
    return int(datetime(*when, tzinfo=UTC).timestamp() * 1000)  # type: ignore[arg-type, misc]


#: A Wednesday.
START = millis(2020, 1, 1, 10, 30)


@pytest.fixture
def filled(api: Api) -> Api:
    """Six submissions: three of f0, two of f1, one of f2; on Jan 1, 2, 3, Feb 5, Jul 1 and in 1969."""
    moments = [START, START + DAY, START + 2 * DAY, millis(2020, 2, 5), millis(2020, 7, 1), -1]
    names = ["f0", "f0", "f0", "f1", "f1", "f2"]
    cases = ["x", "y", "y", "x", None, "x"]
    for number, (moment, name, case) in enumerate(zip(moments, names, cases, strict=True)):
        fields: dict[str, Any] = {"retention": "now + 3 days"} if number == 0 else {}
        api.submit(
            f"{number // 2}".encode() * 500,
            fileName=name,
            observedTimestamp=moment,
            metaData={} if case is None else {"the case": case},
            tlp="green" if number % 2 else "amber",
            **fields,
        )
    return api


def records(api: Api, body: dict[str, Any], **options: Any) -> list[dict[str, Any]]:
    answer = api.post("/submission/statistics", body, **options)
    assert answer.status_code == 200, answer.text
    assert answer.json()["count"] == answer.json()["size"] == len(answer.json()["data"])
    data: list[dict[str, Any]] = answer.json()["data"]
    return data


def tree(found: list[dict[str, Any]]) -> list[Any]:
    """Identifier, count and buckets of each record."""
    return [
        (r["group"]["identifier"], r["count"], *([tree(r["buckets"])] if r["buckets"] else [])) for r in found
    ]


def test_without_groups_there_is_one_record(filled: Api) -> None:
    (record,) = records(filled, {})
    assert record["count"] == 6
    assert "group" not in record


def test_over_nothing(filled: Api) -> None:
    """One empty record without groups, no record with them; metrics have no values."""
    nothing = {"fileName": ["none"]}
    metric = {"name": "m", "field": "observedTimestamp"}
    timeline = {**metric, "name": "t", "resolution": "day", "includeEmpty": True}
    (record,) = records(filled, {**nothing, "statistics": [metric], "timeline": [timeline]})
    assert record["count"] == 0
    assert record["statistics"] == [metric]
    assert record["timeline"] == [{"name": "t", "field": "observedTimestamp", "buckets": []}]
    assert records(filled, {**nothing, "groupBy": [{"field": "tlp"}]}) == []


def test_groups_are_ranked_by_size_then_by_name(filled: Api) -> None:
    assert tree(records(filled, {"groupBy": [{"field": "fileName"}]})) == [("f0", 3), ("f1", 2), ("f2", 1)]
    assert tree(records(filled, {"groupBy": [{"field": "tlp"}]})) == [("amber", 3), ("green", 3)]


def test_levels_nest_and_each_has_its_limit(filled: Api) -> None:
    """The largest within each group above; the counts are those of all submissions in a group."""
    body = {
        "groupBy": [{"field": "fileName", "limit": 2}, {"field": "tlp", "limit": 1}, {"field": "customer"}]
    }
    default = str(records(filled, {"groupBy": [{"field": "customer"}]})[0]["group"]["identifier"])
    assert tree(records(filled, body)) == [
        ("f0", 3, [("amber", 2, [(default, 2)])]),
        ("f1", 2, [("amber", 1, [(default, 1)])]),
    ]


def test_a_submission_without_the_metadata_is_in_no_group(filled: Api) -> None:
    """It still counts in the groups above, also where it leaves one of them without buckets."""
    by_case = {"field": "metaData", "metaDataField": "the case"}
    found = records(filled, {"groupBy": [by_case]})
    assert tree(found) == [("x", 3), ("y", 2)]
    assert found[0]["group"]["metaDataField"] == "the case"
    nested = records(filled, {"groupBy": [{"field": "fileName"}, by_case]})
    assert tree(nested) == [("f0", 3, [("y", 2), ("x", 1)]), ("f1", 2, [("x", 1)]), ("f2", 1, [("x", 1)])]
    missing = {"groupBy": [{"field": "tlp"}, {"field": "metaData", "metaDataField": "'\"$.%"}]}
    assert tree(records(filled, missing)) == [("amber", 3), ("green", 3)]


def test_the_same_field_may_group_twice(filled: Api) -> None:
    body = {"groupBy": [{"field": "tlp"}, {"field": "tlp"}]}
    assert tree(records(filled, body)) == [("amber", 3, [("amber", 3)]), ("green", 3, [("green", 3)])]


def test_metrics_are_those_of_each_leaf(filled: Api) -> None:
    body = {
        "groupBy": [{"field": "fileName"}],
        "statistics": [
            {"name": "seen", "field": "observedTimestamp"},
            {"name": "gone", "field": "expiryTimestamp"},
        ],
    }
    first, _, last = records(filled, body)
    seen, gone = first["statistics"]
    assert (seen["min"], seen["max"]) == (START, START + 2 * DAY)
    assert gone["min"] == gone["max"]
    assert last["statistics"] == [
        {"name": "seen", "field": "observedTimestamp", "min": -1, "max": -1},
        {"name": "gone", "field": "expiryTimestamp"},
    ]


TIMELINES = {
    "hour": [
        (-HOUR, 1),
        (START - HOUR // 2, 1),
        (START - HOUR // 2 + DAY, 1),
        (START - HOUR // 2 + 2 * DAY, 1),
    ],
    "day": [(-DAY, 1), (millis(2020, 1, 1), 1), (millis(2020, 1, 2), 1), (millis(2020, 1, 3), 1)],
    "week": [(millis(1969, 12, 29), 1), (millis(2019, 12, 30), 3), (millis(2020, 2, 3), 1)],
    "month": [
        (millis(1969, 12, 1), 1),
        (millis(2020, 1, 1), 3),
        (millis(2020, 2, 1), 1),
        (millis(2020, 7, 1), 1),
    ],
    "quarter": [(millis(1969, 10, 1), 1), (millis(2020, 1, 1), 4), (millis(2020, 7, 1), 1)],
}


def line(record: dict[str, Any], which: int = 0) -> list[tuple[int, int]]:
    return [(bucket["timestamp"], bucket["count"]) for bucket in record["timeline"][which]["buckets"]]


@pytest.mark.parametrize("resolution", TIMELINES)
def test_buckets_begin_at_the_calendar_s_marks(filled: Api, resolution: str) -> None:
    """Also before 1970, where a division that rounds towards zero would be wrong."""
    timeline = {"name": "t", "field": "observedTimestamp", "resolution": resolution}
    (record,) = records(filled, {"timeline": [timeline]})
    expected = TIMELINES[resolution]
    assert line(record)[: len(expected)] == expected
    assert sum(count for _, count in line(record)) == 6


def test_empty_buckets_fill_the_time_between(filled: Api) -> None:
    """From a group's first to its last, and over the period that the request names."""
    timeline = {"name": "t", "field": "observedTimestamp", "resolution": "month", "includeEmpty": True}
    body: dict[str, Any] = {"groupBy": [{"field": "fileName"}], "timeline": [timeline]}
    by_name = {r["group"]["identifier"]: line(r) for r in records(filled, body)}
    assert by_name["f0"] == [(millis(2020, 1, 1), 3)]
    assert by_name["f1"] == [(millis(2020, m, 1), int(m in (2, 7))) for m in range(2, 8)]
    body |= {"startTimestamp": START, "endTimestamp": millis(2020, 3, 15)}
    body["timeFieldStrategy"] = ["observedTimestamp"]
    by_name = {r["group"]["identifier"]: line(r) for r in records(filled, body)}
    assert by_name == {
        "f0": [(millis(2020, 1, 1), 3), (millis(2020, 2, 1), 0), (millis(2020, 3, 1), 0)],
        "f1": [(millis(2020, 1, 1), 0), (millis(2020, 2, 1), 1), (millis(2020, 3, 1), 0)],
    }


def test_empty_buckets_of_submission_times_fill_the_index_period(filled: Api) -> None:
    timeline = {"name": "t", "field": "submittedTimestamp", "resolution": "day", "includeEmpty": True}
    body = {"indexStartTimestamp": "now - 9 days", "indexEndTimestamp": "now + 1 day", "timeline": [timeline]}
    (record,) = records(filled, body)
    buckets = line(record)
    assert len(buckets) == 11
    assert sum(count for _, count in buckets) == 6
    assert all(later - earlier == DAY for (earlier, _), (later, _) in pairwise(buckets))


def test_too_many_empty_buckets_are_refused(filled: Api) -> None:
    timeline = {"name": "t", "field": "submittedTimestamp", "resolution": "hour", "includeEmpty": True}
    answer = filled.post("/submission/statistics", {"indexStartTimestamp": 0, "timeline": [timeline]})
    assert answer.status_code == 412
    assert answer.json()["messages"][0]["field"] == "timeline"


def test_too_many_groups_are_refused(filled: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that no client could read is not made."""
    monkeypatch.setattr(store, "MAX_BUCKETS", 2)
    monkeypatch.setattr(service, "MAX_BUCKETS", 2)
    answer = filled.post("/submission/statistics", {"groupBy": [{"field": "fileName"}]})
    assert answer.status_code == 412
    assert answer.json()["messages"][0]["field"] == "groupBy"
    assert tree(records(filled, {"groupBy": [{"field": "fileName", "limit": 1}]})) == [("f0", 3)]


def test_the_ends_of_time_have_buckets(api: Api) -> None:
    """An observation in the year 1 or 9999 breaks no timeline."""
    first, last = (
        int((moment.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(milliseconds=1))
        for moment in (datetime.min, datetime(9999, 12, 31))  # noqa: DTZ001, DTZ901
    )
    for moment in (first, last):
        api.submit(b"odd" * 500, observedTimestamp=moment)
    for resolution in TIMELINES:
        timeline = {"name": "t", "field": "observedTimestamp", "resolution": resolution}
        (record,) = records(api, {"timeline": [timeline]})
        assert [count for _, count in line(record)] == [1, 1], resolution
        assert line(record)[0][0] >= first


def test_only_what_the_caller_may_read_is_counted(filled: Api) -> None:
    """A customer counts its own and what is shared with it, under any criterion."""
    other = filled.key(Role.analyzer, "other")
    assert [record["count"] for record in records(filled, {}, key=other)] == [0]
    assert records(filled, {"groupBy": [{"field": "customer"}]}, key=other) == []
    filled.submit(b"theirs" * 500, key=other, acl=["default-viewer"])
    assert records(filled, {}, key=other)[0]["count"] == 1
    assert records(filled, {}, role=Role.viewer)[0]["count"] == 7
    assert records(filled, {}, role=Role.analyzer)[0]["count"] == 6
    by_customer = records(filled, {"groupBy": [{"field": "customer"}]}, role=Role.administrator)
    assert [(r["group"]["shortName"], r["count"]) for r in by_customer] == [("default", 6), ("other", 1)]


def test_the_criteria_are_those_of_the_search(filled: Api) -> None:
    body = {"subCriteria": [{"fileName": ["f0"]}, {"tlp": ["green"], "required": True}], "keywords": ["f0"]}
    assert records(filled, body)[0]["count"] == 1
    assert records(filled, {"indexEndTimestamp": "now - 1 day"})[0]["count"] == 0


@pytest.mark.parametrize(
    "body", [{"groupBy": [{"field": "tlp"}] * 7}, {"groupBy": [{"field": "tlp", "limit": 10**9}]}]
)
def test_what_is_too_much_is_refused(api: Api, body: dict[str, Any]) -> None:
    assert api.post("/submission/statistics", body).status_code == 412
