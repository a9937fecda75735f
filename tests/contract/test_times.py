"""Contract 1.7: times go out as milliseconds and come in in every form."""

import datetime as dt
import time
from typing import Any

import pytest

from tests.contract.driver import Api, Submitted, fields_of, refused, unique

DAY = 86_400_000


def now() -> int:
    return int(time.time() * 1000)


def iso(milliseconds: int) -> str:
    moment = dt.datetime.fromtimestamp(milliseconds / 1000, dt.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def found(api: Api, submitted: Submitted, **fields: Any) -> bool:
    """Whether a job search with these time fields finds the one job."""
    answer = api.job.search_jobs(sampleSha256=[submitted.sha256], **fields)
    return [job["id"] for job in answer["data"]] == [submitted.job]


def test_times_are_integer_milliseconds(viewer: Api, submitted: Submitted) -> None:
    enqueued = viewer.job.get_job(submitted.job)["data"]["enqueuedTimestamp"]
    assert isinstance(enqueued, int)
    assert abs(enqueued - now()) < DAY / 24


@pytest.mark.parametrize(
    "start",
    [
        *("now - 1 month", "now - 1 week", "now-1d", "now - 2 hours", "now - 90 minutes", "now - 1 year"),
        *(
            "1 hour ago",
            "3 days ago",
            "30 min ago",
            "now - 1 day + 2 hours",
            "2 mon ago",
            "1 y ago",
            "1w ago",
        ),
        *("now - 1M", "now - 3600s", "now - 1h"),
    ],
)
def test_relative_starts_before_the_job_find_it(viewer: Api, submitted: Submitted, start: str) -> None:
    assert found(viewer, submitted, startTimestamp=start)
    assert not found(viewer, submitted, endTimestamp=start)


def test_absolute_forms_mean_the_same_moment(viewer: Api, submitted: Submitted) -> None:
    """A number, a numeric string and ISO-8601 in UTC."""
    for past in (now() - DAY, str(now() - DAY), iso(now() - DAY)):
        assert found(viewer, submitted, startTimestamp=past)
        assert not found(viewer, submitted, endTimestamp=past)
    for coming in (now() + DAY, str(now() + DAY), iso(now() + DAY), "now + 1 day"):
        assert found(viewer, submitted, endTimestamp=coming)
        assert not found(viewer, submitted, startTimestamp=coming)


def test_now_is_now(viewer: Api, submitted: Submitted) -> None:
    assert found(viewer, submitted, endTimestamp="now + 1 minute", startTimestamp="now - 1 h")
    assert found(viewer, submitted, endTimestamp="now")


def test_bounds_are_inclusive(viewer: Api, submitted: Submitted) -> None:
    enqueued = viewer.job.get_job(submitted.job)["data"]["enqueuedTimestamp"]
    assert found(viewer, submitted, startTimestamp=enqueued, endTimestamp=enqueued)
    assert not found(viewer, submitted, startTimestamp=enqueued + 1)
    assert not found(viewer, submitted, endTimestamp=enqueued - 1)


@pytest.mark.parametrize(
    "value",
    [
        *("2026-01-01T00:00:00+01:00", "2026-01-01T00:00:00", "2026-01-01", "2026-13-01T00:00:00Z"),
        *("yesterday", "now - ", "now - 1 fortnight", "now - one day", "now - -1 day", "ago", "1 day", ""),
        *("now - 1.5 days", "12h", "now 1 day", True, [1], {"at": 1}, 10**30),
    ],
)
def test_any_other_form_is_refused(viewer: Api, value: Any) -> None:
    """Another zone than UTC, and what the grammar does not know, is 412 on the field."""
    response = viewer.send("POST", "/job/search", json={"startTimestamp": value})
    assert response.status_code == 412
    assert response.json()["messages"][0]["field"] == "startTimestamp"


@pytest.mark.parametrize("value", ["now+-+1+month", "now%20-%201%20month", "1000", "2020-01-01T00:00:00Z"])
def test_times_in_a_query_may_be_form_encoded(viewer: Api, value: str) -> None:
    """The client sends blanks as `+`."""
    path = f"/sample?indexStartTimestamp={value}&indexEndTimestamp=now"
    assert viewer.send("GET", path).status_code == 200


@pytest.mark.parametrize("value", ["now-1x", "2026-01-01T00:00:00%2B02:00"])
def test_a_wrong_time_in_a_query_is_refused(viewer: Api, value: str) -> None:
    response = viewer.send("GET", f"/submission?indexEndTimestamp={value}")
    assert response.status_code == 412
    assert response.json()["messages"][0]["field"] == "indexEndTimestamp"


def test_the_index_window_bounds_creation(analyzer: Api) -> None:
    """Samples by creation, submissions by submission time; the observation time does not matter."""
    word = unique()
    sample = analyzer.submit(fileName=word, observedTimestamp=now() - 400 * DAY)
    for search in (analyzer.sample.simple_search, analyzer.submission.submission_simple_search):
        assert search([word])["count"] == 1
        assert search([word], indexEndTimestamp="now - 1 day")["count"] == 0
        assert (
            search([word], indexStartTimestamp="now + 1 day", indexEndTimestamp="now + 2 days")["count"] == 0
        )
    assert analyzer.sample.advanced_search(sha256=[sample.sha256])["count"] == 1
    assert analyzer.sample.advanced_search(sha256=[sample.sha256], indexEndTimestamp=1)["count"] == 0
    assert (
        analyzer.submission.submission_advanced_search(fileName=[word], indexEndTimestamp="1")["count"] == 0
    )


def test_any_and_all_of_the_time_fields(analyzer: Api, submitted: Submitted) -> None:
    """`any`: one field in the window is enough; `all`: each must be, and an absent one is not."""
    window = {"startTimestamp": "now - 1 hour", "endTimestamp": "now + 1 hour"}
    assert found(analyzer, submitted, **window)
    assert not found(analyzer, submitted, **window, timeMatchStrategy="all")
    assert found(analyzer, submitted, **window, timeFieldStrategy=["enqueuedTimestamp"])
    assert not found(analyzer, submitted, **window, timeFieldStrategy=["endTimestamp"])
    assert found(
        analyzer, submitted, **window, timeFieldStrategy="enqueuedTimestamp", timeMatchStrategy="all"
    )
    analyzer.finish(submitted.job)
    assert found(analyzer, submitted, **window, timeMatchStrategy="all")
    assert found(analyzer, submitted, **window, timeFieldStrategy=["startTimestamp", "endTimestamp"])


@pytest.mark.parametrize("field", ["timeFieldStrategy", "timeMatchStrategy"])
def test_an_unknown_time_strategy_is_refused(viewer: Api, field: str) -> None:
    with refused(412) as caught:
        viewer.job.search_jobs(**{field: "sometimes"})
    assert fields_of(caught)[0].startswith(field)


@pytest.mark.parametrize(
    ("retention", "days"),
    [("now + 2 weeks", 14), ("now + 10 days", 10), ("now+36h", 1.5)],
)
def test_retention_is_a_time_like_any_other(analyzer: Api, retention: str, days: float) -> None:
    expiry = analyzer.submit(retention=retention).submission["expiryTimestamp"]
    assert abs(expiry - (now() + days * DAY)) < DAY / 24


def test_retention_may_be_absolute(analyzer: Api) -> None:
    at = (now() // 1000 + 1_000_000) * 1000
    for form in (at, str(at), iso(at)):
        assert analyzer.submit(retention=form).submission["expiryTimestamp"] == at


def test_a_month_is_a_calendar_month(analyzer: Api) -> None:
    """Month arithmetic keeps the day and the hour, clamped to the end of the month."""
    expiry = analyzer.submit(retention="now + 1 month").submission["expiryTimestamp"]
    today = dt.datetime.now(dt.UTC)
    then = dt.datetime.fromtimestamp(expiry / 1000, dt.UTC)
    assert 28 <= (then.date() - today.date()).days <= 31
    assert (then.year * 12 + then.month) - (today.year * 12 + today.month) == 1
    assert then.day == today.day or then.day < today.day


def test_a_wrong_retention_is_refused(analyzer: Api) -> None:
    with refused(412) as caught:
        analyzer.submit(retention="until I say so")
    assert fields_of(caught) == ["retention"]
