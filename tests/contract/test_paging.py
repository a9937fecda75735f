"""Contract 1.6: paging to the letter, and sorting, on each of the list operations."""

from collections.abc import Callable
from typing import Any

import pytest
from argus_api.pagination import offset_paginated, paginated_items

from tests.contract.conftest import World
from tests.contract.driver import Api, await_, fields_of, refused
from tests.contract.lists import LISTS, Listing
from tests.contract.models import OPERATIONS

Call = Callable[..., dict[str, Any]]

pytestmark = pytest.mark.usefixtures("settled")


@pytest.fixture(scope="module")
def settled(admin: Api, world: World) -> None:
    """The service tasks of the world have ended, so that no list changes meanwhile."""

    def ended() -> bool:
        found = admin.servicetask.search_tasks(correlationID=world.reindexes)["data"]
        states = {t["correlationID"]: t["state"] for t in found}
        return len(states) == len(world.reindexes) and not set(states.values()) & {"pending", "running"}

    await_(ended, "the reindexing to end")


@pytest.fixture(params=LISTS)
def listing(request: pytest.FixtureRequest) -> Listing:
    return LISTS[request.param]


@pytest.fixture
def call(listing: Listing, admin: Api, world: World) -> Call:
    """The operation of the client, narrowed to the world."""

    def bound(**kwargs: Any) -> dict[str, Any]:
        return listing.call(admin, world)(**(listing.kwargs(world) | kwargs))

    return bound


def test_every_operation_with_a_limit_is_covered() -> None:
    """Every operation whose client function has a `limit` is walked over here."""
    limited = {
        o.id for o in OPERATIONS.values() if o.model(200) and "list" in str(o.model(200)).split("-")
    } - {"submissionStatistics", "getTask"}
    assert limited == LISTS.keys()


def test_defaults_are_25_from_the_start(call: Call) -> None:
    page = call()
    assert (page["limit"], page["offset"]) == (25, 0)
    assert page["size"] == min(25, page["count"])


def test_limit_zero_returns_everything(call: Call) -> None:
    """0 = unlimited up to the maximum; it stays 0 in the answer."""
    page = call(limit=0)
    assert page["limit"] == 0
    assert page["size"] == page["count"] == len(page["data"])


def test_a_page_is_a_slice_of_the_whole(call: Call) -> None:
    """limit and offset cut the same order each time; the count stays the total."""
    whole = call(limit=0)
    page = call(limit=1, offset=1)
    assert (page["limit"], page["offset"], page["count"]) == (1, 1, whole["count"])
    assert page["data"] == whole["data"][1:2]
    assert page["size"] == len(page["data"])


def test_an_offset_past_the_end_is_an_empty_page(call: Call) -> None:
    whole = call(limit=1)
    page = call(limit=5, offset=9_999)
    assert (page["offset"], page["limit"], page["count"]) == (9_999, 5, whole["count"])
    assert (page["size"], page["data"]) == (0, [])


@pytest.mark.parametrize("name", ["limit", "offset"])
def test_negative_paging_is_refused(call: Call, name: str) -> None:
    with refused(412) as caught:
        call(**{name: -1})
    assert fields_of(caught) == [name]


@pytest.mark.parametrize("name", ["limit", "offset"])
def test_paging_that_is_no_number_is_refused(call: Call, name: str) -> None:
    with refused(412) as caught:
        call(**{name: "some"})
    assert fields_of(caught) == [name]


def test_a_limit_above_the_maximum_is_refused(call: Call, listing: Listing) -> None:
    with refused(412) as caught:
        call(limit=listing.maximum + 1)
    assert fields_of(caught) == ["limit"]
    assert call(limit=listing.maximum)["limit"] == listing.maximum


def test_an_offset_above_the_maximum_is_refused(call: Call, listing: Listing) -> None:
    """Where the client's file declares one."""
    if listing.furthest is None:
        assert call(offset=100_000)["offset"] == 100_000
    else:
        assert call(offset=listing.furthest)["offset"] == listing.furthest
        with refused(412) as caught:
            call(offset=listing.furthest + 1)
        assert fields_of(caught) == ["offset"]


def test_the_client_s_paginator_walks_over_everything(call: Call, listing: Listing) -> None:
    """`paginated_items` with a small limit yields every item once, in the order of one large page."""
    whole = call(limit=0)["data"]
    limit = max(2, len(whole) // 6)
    assert list(paginated_items(call)(limit=limit)) == whole
    pages = list(offset_paginated(call)(limit=limit))
    assert [p["offset"] for p in pages] == [limit * n for n in range(len(pages))]
    if listing.id:
        assert len({item[listing.id] for item in whole}) == len(whole)


def read(item: dict[str, Any], prop: str) -> Any:
    value: Any = item
    for part in prop.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def assert_sorted(items: list[dict[str, Any]], prop: str, *, descending: bool) -> None:
    """Values run one way and nulls are last. Text is only grouped: its collation is the database's own."""
    values = [read(item, prop) for item in items]
    known = [value for value in values if value is not None]
    assert values[: len(known)] == known, "nulls come last"
    if known and isinstance(known[0], int):
        assert known == sorted(known, reverse=descending)
    else:
        runs = [value for n, value in enumerate(known) if n == 0 or known[n - 1] != value]
        assert len(runs) == len(set(runs)), "equal values stand together"


@pytest.mark.parametrize("listing", [n for n, v in LISTS.items() if v.keys], indirect=True)
def test_every_sort_key_sorts_both_ways(call: Call, listing: Listing) -> None:
    """Each key of the contract, ascending and descending; nulls last both ways."""
    for key, prop in listing.keys.items():
        assert_sorted(call(limit=100, sortBy=[key])["data"], prop, descending=False)
        assert_sorted(call(limit=100, sortBy=[f"-{key}"])["data"], prop, descending=True)


@pytest.mark.parametrize("listing", [n for n, v in LISTS.items() if v.default], indirect=True)
def test_the_default_order_is_the_contract_s(call: Call, listing: Listing) -> None:
    assert listing.default is not None
    key = listing.default.lstrip("-")
    prop = listing.keys.get(key, key)
    assert_sorted(call(limit=100)["data"], prop, descending=listing.default.startswith("-"))


@pytest.mark.parametrize("listing", [n for n, v in LISTS.items() if v.keys], indirect=True)
def test_an_unknown_sort_key_is_refused(call: Call, listing: Listing) -> None:
    for key in ("colour", "-", f"--{next(iter(listing.keys))}"):
        with refused(412) as caught:
            call(sortBy=[key])
        assert fields_of(caught)[0].startswith("sortBy")


def test_sort_keys_chain(admin: Api, world: World) -> None:
    """A second key orders what the first leaves equal."""
    tasks = admin.job.list_job_tasks(world.jobs[0], sortBy=["state", "-worker"], limit=0)["data"]
    assert len(tasks) >= 3
    for state in {t["state"] for t in tasks}:
        workers = [t["worker"] for t in tasks if t["state"] == state]
        assert workers == sorted(workers, reverse=True)


def test_both_spellings_of_the_sample_sort_keys_work(admin: Api) -> None:
    """The client's file says lastAdded… in one search and lastUpdated… in the other."""
    for key in ("Submission", "Analysis", "Link"):
        for spelling in (f"lastAdded{key}", f"-lastUpdated{key}"):
            assert admin.sample.simple_search(sortBy=[spelling])["responseCode"] == 200
            assert admin.sample.advanced_search(sortBy=[spelling])["responseCode"] == 200


def test_ties_are_broken_the_same_way_each_time(admin: Api, world: World) -> None:
    """Pages over many equal keys neither repeat nor lose an item."""
    narrowed = {"keywords": [world.word], "sortBy": ["mimeType"]}
    search = admin.submission.submission_advanced_search
    ids = [item["id"] for item in paginated_items(search)(limit=2, **narrowed)]
    assert len(ids) == len(set(ids)) == search(limit=0, **narrowed)["count"]
