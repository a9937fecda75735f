"""Pages and sort keys (contract section 1.6)."""

from __future__ import annotations

import pytest

from orchestrator.domain.paging import MAX_LIMIT, MAX_SEARCH, Page, SortKey, sort_keys
from orchestrator.errors import Invalid

ALLOWED = ("name", "created")


@pytest.mark.parametrize(("limit", "fetch"), [(0, MAX_LIMIT), (1, 1), (MAX_LIMIT, MAX_LIMIT)])
def test_no_limit_means_the_system_s_maximum(limit: int, fetch: int) -> None:
    assert Page(limit).fetch == fetch


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"limit": -1}, "limit"),
        ({"limit": MAX_LIMIT + 1}, "limit"),
        ({"offset": -1}, "offset"),
        ({"limit": MAX_SEARCH + 1, "maximum": MAX_SEARCH}, "limit"),
        ({"offset": MAX_SEARCH + 1, "maximum": MAX_SEARCH}, "offset"),
    ],
)
def test_a_page_out_of_range_names_its_field(options: dict[str, int], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        Page(**options)
    assert caught.value.field == field


def test_a_list_may_be_paged_beyond_what_a_search_may() -> None:
    """Only searches declare a maximum for the offset."""
    assert Page(offset=MAX_SEARCH + 1).offset == MAX_SEARCH + 1
    assert Page(MAX_SEARCH, MAX_SEARCH, maximum=MAX_SEARCH).offset == MAX_SEARCH


def test_an_unlimited_result_may_not_exceed_the_maximum() -> None:
    """Counted from the offset; a limited one may be of any size."""
    Page(0, maximum=MAX_SEARCH).check(MAX_SEARCH)
    Page(0, 5, maximum=MAX_SEARCH).check(MAX_SEARCH + 5)
    Page(1).check(10**9)
    with pytest.raises(Invalid, match="more than the maximum"):
        Page(0, maximum=MAX_SEARCH).check(MAX_SEARCH + 1)


def test_sort_keys_chain_in_order() -> None:
    assert sort_keys(["-name", "created"], ALLOWED, "name") == (SortKey("name", True), SortKey("created"))


def test_without_sort_keys_the_default_applies() -> None:
    assert sort_keys([], ALLOWED, "-created") == (SortKey("created", True),)


@pytest.mark.parametrize("key", ["", "colour", "--name", "+name", "name ", "NAME", "-"])
def test_an_unknown_sort_key_is_refused(key: str) -> None:
    with pytest.raises(Invalid) as caught:
        sort_keys(["name", key], ALLOWED, "name")
    assert caught.value.field == "sortBy"
