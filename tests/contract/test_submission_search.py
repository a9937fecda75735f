"""Contract 5.3 and 5.4: simple and advanced search for submissions, and their statistics."""

import datetime as dt
import time
from dataclasses import dataclass
from typing import Any

import pytest

from tests.contract.driver import Api, Submitted, fields_of, refused, unique

HOUR = 3_600_000
DAY = 24 * HOUR
#: A day long ago, so that timelines have few other observations.
PAST = int(dt.datetime(2021, 5, 12, 10, 30, tzinfo=dt.UTC).timestamp() * 1000)


@dataclass(frozen=True)
class Shelf:
    """Three submissions of two samples, named a, b and c."""

    word: str
    ids: dict[str, str]
    sample: Submitted

    def names(self, answer: dict[str, Any]) -> set[str]:
        found = {item["id"] for item in answer["data"]}
        return {name for name, submission in self.ids.items() if submission in found}


@pytest.fixture(scope="module")
def shelf(analyzer: Api) -> Shelf:
    word = unique()
    a = analyzer.submit(
        fileName=f"{word}-a.exe",
        mimeType=f"application/{word}",
        metaData={"case": word, "sender.domain": "example.org"},
        tlp="green",
        userAgent={"name": "gateway", "version": "1"},
        observedTimestamp=PAST,
    )
    b = analyzer.submit(
        a.data,
        fileName=f"{word}-b.txt",
        mimeType=f"text/{word}",
        metaData={"case": word},
        tlp="clear",
        userAgent={"name": "gateway", "version": "2"},
        observedTimestamp=PAST + HOUR,
        retention="now + 50 days",
    )
    c = analyzer.submit(
        fileName=f"{word}-C.exe",
        mimeType=f"application/{word}",
        metaData={"case": f"{word}-c"},
        observedTimestamp=PAST + 3 * DAY,
    )
    ids = {name: sample.submission["id"] for name, sample in (("a", a), ("b", b), ("c", c))}
    return Shelf(word, ids, a)


@pytest.fixture
def find(viewer: Api, shelf: Shelf) -> Any:
    """The advanced search, narrowed to the three."""

    def search(**criteria: Any) -> set[str]:
        criteria = {"id": list(shelf.ids.values()), **criteria}
        return shelf.names(viewer.submission.submission_advanced_search(**criteria))

    return search


def test_keywords_in_the_simple_search(viewer: Api, shelf: Shelf) -> None:
    """Substrings in any case, any of them, over all fields unless some are selected."""
    search = viewer.submission.submission_simple_search
    assert shelf.names(search([shelf.word])) == {"a", "b", "c"}
    assert shelf.names(search(f"{shelf.word}-C.EXE".lower())) == {"c"}
    assert shelf.names(search([f"{shelf.word}-a", f"{shelf.word}-b", unique()])) == {"a", "b"}
    both = [f"{shelf.word}-a", "example.org"]
    assert shelf.names(search(both, keywordMatchStrategy="all")) == {"a"}
    assert search([f"{shelf.word}%"])["count"] == 0
    assert search([unique()])["count"] == 0


def test_each_keyword_field(viewer: Api, shelf: Shelf) -> None:
    search = viewer.submission.submission_simple_search
    parts = {
        "id": (shelf.ids["a"], {"a"}),
        "sampleSha256": (shelf.sample.sha256[10:50], {"a", "b"}),
        "fileName": (f"{shelf.word}-b.", {"b"}),
        "mimeType": (f"application/{shelf.word}", {"a", "c"}),
        "metaData": (f"{shelf.word}-c", {"c"}),
        "userAgent": ("gateway", {"a", "b"}),
        "tlp": ("green", {"a"}),
    }
    for field, (keyword, expected) in parts.items():
        answer = search([keyword], keywordFieldStrategy=[field], limit=0)
        assert shelf.names(answer) == expected, field
    wrong = search([f"{shelf.word}-b."], keywordFieldStrategy=["id", "mimeType", "tlp"])
    assert wrong["count"] == 0


def test_each_criterion(find: Any, shelf: Shelf) -> None:
    """Values of one criterion are alternatives; different criteria are all required."""
    word = shelf.word
    assert find() == {"a", "b", "c"}
    assert find(id=[shelf.ids["b"]]) == {"b"}
    assert find(sampleSha256=[shelf.sample.sha256]) == {"a", "b"}
    assert find(fileName=[f"{word}-a.exe", f"{word}-b.txt"]) == {"a", "b"}
    assert find(fileName=f"{word}-a.exe") == {"a"}
    assert find(mimeType=[f"application/{word}"]) == {"a", "c"}
    assert find(tlp=["green", "clear"]) == {"a", "b"}
    assert find(tlp="white") == {"b"}
    assert find(userAgent=[{"name": ["gateway"]}]) == {"a", "b"}
    assert find(userAgent=[{"name": ["gateway"], "version": ["2"]}]) == {"b"}
    assert find(metaData=[{"path": "case", "value": [word]}]) == {"a", "b"}
    assert find(metaData=[{"path": "sender.domain", "value": ["example.org", "x"]}]) == {"a"}
    assert find(metaData=[{"path": "case", "value": [word], "exclude": True}]) == {"c"}
    assert find(includeFlags=["trustedAgent"]) == set()
    assert find(excludeFlags=["trustedAgent"]) == {"a", "b", "c"}
    assert find(mimeType=[f"application/{word}"], tlp=["green"]) == {"a"}


def test_customers(find: Any, shelf: Shelf) -> None:
    customer = shelf.sample.submission["customer"]
    for reference in (customer["id"], str(customer["id"]), customer["shortName"]):
        assert find(customer=[reference]) == {"a", "b", "c"}
    assert find(customer=["other"]) == set()


def test_keywords_in_the_advanced_search(find: Any, shelf: Shelf) -> None:
    """`all` is the default here."""
    keywords = [f"{shelf.word}-a", f"{shelf.word}-b"]
    assert find(keywords=keywords) == set()
    assert find(keywords=keywords, keywordMatchStrategy="any") == {"a", "b"}
    assert find(keywords=[f"{shelf.word}-a", "example"]) == {"a"}
    assert find(keywords=["example"], keywordFieldStrategy=["fileName"]) == set()


def test_times(find: Any) -> None:
    """By submission, observation and expiry; any of them, or all."""
    assert find(startTimestamp=PAST, endTimestamp=PAST + DAY) == {"a", "b"}
    assert find(startTimestamp=PAST, endTimestamp=PAST) == {"a"}
    window = {"startTimestamp": "now - 1 hour", "endTimestamp": "now + 1 hour"}
    assert find(**window) == {"a", "b", "c"}
    assert find(**window, timeFieldStrategy=["observedTimestamp"]) == set()
    assert find(**window, timeFieldStrategy=["submittedTimestamp"]) == {"a", "b", "c"}
    assert find(startTimestamp="now + 1 month", timeFieldStrategy="expiryTimestamp") == {"b"}
    both = {"timeFieldStrategy": ["submittedTimestamp", "observedTimestamp"], "timeMatchStrategy": "all"}
    assert find(startTimestamp=PAST + DAY, **both) == {"c"}
    assert find(startTimestamp=PAST, endTimestamp="now + 1 hour", **both) == {"a", "b", "c"}


def test_sub_criteria(find: Any, shelf: Shelf) -> None:
    """Optional, required and excluded."""
    a, b = {"fileName": [f"{shelf.word}-a.exe"]}, {"tlp": ["clear"]}
    same_type = {"mimeType": [f"application/{shelf.word}"]}
    assert find(subCriteria=[a]) == {"a"}
    assert find(subCriteria=[a, b]) == {"a", "b"}
    assert find(subCriteria=[{**same_type, "required": True}]) == {"a", "c"}
    assert find(subCriteria=[{**same_type, "required": True}, a, b]) == {"a"}
    assert find(subCriteria=[{**same_type, "exclude": True}]) == {"b"}
    assert find(subCriteria=[{**same_type, **b}]) == set()
    assert find(subCriteria=[{**same_type, **b, "exclude": True}]) == {"a", "b", "c"}
    late = {"keywords": ["gateway"], "startTimestamp": PAST + 1, "timeFieldStrategy": ["observedTimestamp"]}
    assert find(subCriteria=[late]) == {"b"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", ["no-uuid"]),
        ("tlp", ["grey"]),
        ("includeFlags", ["x"]),
        ("excludeFlags", ["x"]),
        ("keywordFieldStrategy", ["analysis"]),
        ("keywordMatchStrategy", "none"),
        ("timeFieldStrategy", ["sampleCreated"]),
        ("startTimestamp", "someday"),
        ("subCriteria", [{"tlp": ["grey"]}]),
        ("subCriteria", "x"),
        ("metaData", [{"path": "a b", "value": ["x"]}]),
        ("sortBy", ["colour"]),
    ],
)
def test_a_wrong_criterion_is_refused(viewer: Api, field: str, value: Any) -> None:
    for path in ("/submission/search", "/submission/statistics"):
        if (path, field) == ("/submission/statistics", "sortBy"):
            continue
        response = viewer.send("POST", path, json={field: value})
        assert response.status_code == 412, path
        assert response.json()["messages"][0]["field"].startswith(field)


def test_sorting(viewer: Api, shelf: Shelf) -> None:
    """By observation, newest first, unless another order is asked for; nulls last."""
    ids = {"id": list(shelf.ids.values())}
    names = {submission: name for name, submission in shelf.ids.items()}

    def order(**kwargs: Any) -> str:
        found = viewer.submission.submission_advanced_search(**ids, **kwargs)["data"]
        return "".join(names[s["id"]] for s in found)

    simple = viewer.submission.submission_simple_search([shelf.word])["data"]
    assert "".join(names[s["id"]] for s in simple) == "cba"
    assert order(sortBy=["observedTimestamp"]) == "abc"
    assert order(sortBy=["-submittedTimestamp"]) == "cba"
    assert order(sortBy=["mimeType", "-observedTimestamp"]) == "cab"
    assert order(sortBy=["expiryTimestamp", "observedTimestamp"]) == "bac"
    assert order(sortBy=["-expiryTimestamp", "observedTimestamp"]) == "bac"


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
