"""Searching samples and submissions over both databases (contract sections 1.6, 4.1 and 5.3)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from orchestrator.domain.vocabulary import Role
from orchestrator.store import paging
from orchestrator.store.search import planner
from tests.conftest import missing
from tests.integration.api import Api, TestDatabase
from tests.integration.shelf import Shelf


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shelf(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    """The samples that all tests of this module read."""
    try:
        database = TestDatabase() if request.param == "postgresql" else None
    except Exception:
        missing("PostgreSQL")
        raise
    made = Shelf(Api(tmp_path_factory.mktemp("shelf"), database.url if database else ""))
    yield made
    made.api.close()
    if database:
        database.drop()


@pytest.fixture(params=[planner.FEW, 0], ids=["narrow", "wide"], autouse=True)
def union(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether a union is looked up as a whole or tried sample by sample, it finds the same."""
    monkeypatch.setattr(planner, "FEW", request.param)


ADMIN = {"role": Role.administrator}


def test_a_customer_sees_samples_through_its_submissions(shelf: Shelf) -> None:
    """Its own, those shared with it; an administrator sees all."""
    assert shelf.samples() == "abd"
    assert shelf.samples(key=shelf.other) == "cd"
    assert shelf.samples(key=shelf.guest) == "b"
    assert shelf.samples(**ADMIN) == "abcd"
    assert shelf.found({"sortBy": "fileName"}) == "b d a"
    assert shelf.found(key=shelf.guest) == "b"
    assert len(shelf.found(**ADMIN).split()) == 5


@pytest.mark.parametrize(
    ("body", "mine", "theirs"),
    [
        ({"keywords": ["d-theirs"]}, "", "d"),
        ({"submission": [{"fileName": ["d-theirs.bin"]}]}, "", "d"),
        ({"keywords": ["spy"]}, "", "d"),
        ({"analysis": [{"userAgent": [{"name": ["spy"]}]}]}, "", "d"),
        ({"analysis": [{"analysisResult": [{"path": "hidden"}]}]}, "", "d"),
        ({"user": ["other-analyzer"]}, "", "cd"),
        ({"customer": ["other"]}, "", "cd"),
        ({"submission": [{"metaData": [{"path": "case", "value": ["A-1"]}]}]}, "a", "c"),
        ({"analysis": [{"userAgent": [{"name": ["elf"]}], "exclude": True}]}, "ad", "cd"),
    ],
)
def test_no_criterion_tells_of_what_the_caller_may_not_read(
    shelf: Shelf, body: dict[str, Any], mine: str, theirs: str
) -> None:
    """Another customer's submissions and analyses match nothing, though the sample is visible."""
    assert shelf.samples(body) == mine
    assert shelf.samples(body, key=shelf.other) == theirs


def test_what_tlp_lets_pass_on_is_searched(shelf: Shelf) -> None:
    """A green analysis is for whoever sees the sample."""
    assert shelf.samples({"analysis": [{"userAgent": [{"name": ["elf"]}]}]}, key=shelf.guest) == "b"


@pytest.mark.parametrize(
    ("keyword", "expected"),
    [
        ("STRASSE", "a"),
        ("straße", "a"),
        ("50%", "a"),
        ("5_%", ""),
        ("b_1", "b"),
        ("b%1", ""),
        ("b\\_1", ""),
        ("upx", "a"),
        ("n1", "a"),
        ("yara", "a"),
        ("child", "a"),
        ("nothing of the kind", ""),
    ],
)
def test_keywords_are_folded_and_literal(shelf: Shelf, keyword: str, expected: str) -> None:
    assert shelf.samples({"keywords": [keyword]}) == expected


def test_a_keyword_does_not_reach_from_one_field_into_the_next(shelf: Shelf) -> None:
    """Neither over the mark between sections, nor over the end of a line."""
    assert shelf.samples({"keywords": ["exea-1"]}) == ""
    assert shelf.found({"keywords": ["gateway\x1f"]}) == ""


def test_keywords_that_say_nothing_ask_for_nothing(shelf: Shelf) -> None:
    assert shelf.samples({"keywords": ["", ""]}) == "abd"
    assert shelf.samples({"keywords": []}) == "abd"


@pytest.mark.parametrize(
    ("field", "keyword", "expected"),
    [
        ("fileName", "strasse", "a"),
        ("metaData", "a-1", "a"),
        ("metaData", "strasse", ""),
        ("tlp", "green", "a"),
        ("mimeType", "text/", "b"),
        ("userAgent", "tests", "a b d"),
        ("userAgent", "1.0", "a b d"),
    ],
)
def test_one_keyword_field_is_looked_into_alone(
    shelf: Shelf, field: str, keyword: str, expected: str
) -> None:
    body = {"keywords": [keyword], "keywordFieldStrategy": [field]}
    assert " ".join(sorted(shelf.found(body).split())) == expected


@pytest.mark.parametrize(
    ("path", "values", "expected"),
    [
        ("names", ["n1"], "a"),
        ("names", ["n1", "n2"], "ab"),
        ("names.deep.er", ["5"], "a"),
        ("names.deep.er", ["5.0"], "a"),
        ("names.deep.er", ["6"], ""),
        ("names.deep", ["5"], ""),
        ("ok", ["true"], "a"),
        ("ok", ["True"], ""),
        ("f", ["1.50"], "a"),
        ("none", ["null"], "b"),
        ("none", [], "b"),
        ("names", [], "ab"),
        ("names.none", [], ""),
        ('"', ["x"], ""),
        ("'\\", ["\"'\\"], ""),
        ("$.names", ["n1"], ""),
        ("*", ["n1"], ""),
    ],
)
def test_values_in_results_are_found_by_their_path(
    shelf: Shelf, path: str, values: list[str], expected: str
) -> None:
    """Down keys and through lists; a number or constant by its spelling; nothing in a path is special."""
    assert shelf.samples({"analysis": [{"analysisResult": [{"path": path, "value": values}]}]}) == expected


@pytest.mark.parametrize(
    ("clauses", "expected"),
    [
        ([{"path": "case", "value": "A-1"}], "a"),
        ([{"path": "x.y", "value": "50%"}], "a"),
        ([{"path": "case", "exclude": True}], "bd"),
        ([{"path": "case", "required": True}, {"path": "x.y", "value": "0"}], ""),
        ([{"path": "case"}, {"path": "x.y", "value": "0"}], "a"),
    ],
)
def test_clauses_within_a_criterion_have_their_own_say(
    shelf: Shelf, clauses: list[dict[str, Any]], expected: str
) -> None:
    """Metadata clauses are optional, required or excluding within the one submission."""
    assert shelf.samples({"submission": [{"metaData": clauses}]}) == expected
    assert "".join(sorted(shelf.found({"metaData": clauses}).split())) == expected


def test_an_excluded_sub_criterion_leaves_out_what_has_no_value_to_compare(shelf: Shelf) -> None:
    """A submission without expiry does not expire before then: it is not excluded, nor lost."""
    period = {"endTimestamp": "now + 30 days", "timeFieldStrategy": ["expiryTimestamp"]}
    assert shelf.found({"subCriteria": [{**period, "exclude": True}], "sortBy": "fileName"}) == "b a"
    assert shelf.found({"subCriteria": [period]}) == "d"


def test_excluding_criteria_about_what_a_sample_lacks_keep_it(shelf: Shelf) -> None:
    assert shelf.samples({"verdict": [{"minimumScore": -1, "exclude": True}]}) == "abd"
    assert shelf.samples({"classification": [{"type": ["x"], "exclude": True}]}) == "abd"
    assert shelf.samples({"fact": [{"value": ["upx"], "exclude": True}]}) == "bd"
    assert shelf.samples({"fact": [{"value": ["upx"], "required": True, "exclude": True}]}) == "bd"


def test_sub_criteria_may_hold_everything(shelf: Shelf) -> None:
    either = [{"fact": [{"value": ["upx"]}]}, {"sha256": [shelf.sha256("d").upper()]}]
    assert shelf.samples({"subCriteria": either}) == "ad"
    one_of_two = {"fact": [{"key": ["packer"]}], "analysis": [{"userAgent": {"name": "elf"}}]}
    assert shelf.samples({"subCriteria": [{**one_of_two, "exclude": True}]}) == "ad"


def test_unknown_names_find_nothing(shelf: Shelf) -> None:
    """Customers and users that do not exist own nothing; numbers no id can be are no ids."""
    for reference in ("nobody", "0", str(10**30), "-1", "1e1"):
        assert shelf.samples({"customer": [reference]}) == ""
        assert shelf.samples({"user": [reference]}) == ""
        assert shelf.found({"customer": [reference]}) == ""


@pytest.mark.parametrize("path", ["/sample/search", "/submission/search", "/submission/statistics"])
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"keywords": ["a\x00b"]}, "keywords.0"),
        ({"keywords": ["k"] * 500}, "body"),
        ({"customer": ["a\x00"]}, "customer.0"),
        ({"indexStartTimestamp": "someday"}, "indexStartTimestamp"),
        ({"subCriteria": [{"startTimestamp": "someday"}]}, "subCriteria.0.startTimestamp"),
        ({"subCriteria": [{"keywords": ["k"]}] * 500}, "body"),
    ],
)
def test_what_no_statement_can_hold_is_refused(
    shelf: Shelf, path: str, body: dict[str, Any], field: str
) -> None:
    answer = shelf.api.post(path, body)
    assert answer.status_code == 412
    assert answer.json()["messages"][0]["field"] == field


def test_a_hundred_criteria_of_every_kind_are_one_statement(shelf: Shelf) -> None:
    """Neither database runs out of depth, tables or parameters."""
    nobody = [{"fileName": [f"x{n}"]} for n in range(20)]
    body = {
        "keywords": [f"k{n}" for n in range(20)],
        "submission": nobody,
        "subCriteria": [{"keywords": ["k"], "submission": nobody[:1], "exclude": True} for _ in range(20)],
        "sha256": ["0" * 64] * 1000,
    }
    assert shelf.samples(body) == ""
    assert shelf.samples({**body, "keywordMatchStrategy": "all"}) == ""
    assert shelf.found({"subCriteria": nobody, "keywords": body["keywords"]}) == ""


@pytest.mark.parametrize("search", ["/sample/search", "/submission/search"])
def test_limits_of_paging(shelf: Shelf, search: str) -> None:
    """Limit and offset go up to 10,000; no limit means all."""
    for body in ({"limit": 10_001}, {"offset": 10_001}, {"limit": -1}, {"offset": -1}, {"limit": 2**70}):
        assert shelf.api.post(search, body).status_code == 412
    assert shelf.api.post(search, {"limit": 10_000, "offset": 10_000}).json()["data"] == []
    answer = shelf.api.post(search, {"limit": 0, "offset": 1}).json()
    assert (answer["limit"], answer["offset"], answer["count"], answer["size"]) == (0, 1, 3, 2)


def test_the_simple_submission_search_has_the_system_s_maximum(shelf: Shelf) -> None:
    """Only the others declare 10,000 (contract section 1.6)."""
    assert shelf.api.get("/submission?limit=100000&offset=20000").json()["count"] == 3
    assert shelf.api.get("/submission?limit=100001").status_code == 412
    assert shelf.api.get("/sample?limit=10001").status_code == 412


def test_counting_may_be_abandoned(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """The count is -1 then; the page is whole, and its end is known by its size."""
    monkeypatch.setattr(paging, "COUNT_CEILING", 2)
    answer = shelf.api.post("/sample/search", {"limit": 2}).json()
    assert (answer["count"], answer["size"]) == (-1, 2)
    answer = shelf.api.post("/sample/search", {"limit": 2, "offset": 2}).json()
    assert (answer["count"], answer["size"]) == (-1, 1)


SAMPLE_SORTS = ["sampleCreatedTimestamp", "sampleSize", "sampleClassificationType"]
SAMPLE_SORTS += [
    f"last{how}{what}" for how in ("Added", "Updated") for what in ("Submission", "Analysis", "Link")
]


@pytest.mark.parametrize("key", SAMPLE_SORTS)
def test_pages_in_any_order_hold_each_sample_once(shelf: Shelf, key: str) -> None:
    """Ties are broken, and samples without the value come last, upwards and downwards."""
    for direction in ("", "-"):
        body = {"limit": 1, "sortBy": [f"{direction}{key}"]}
        pages = [shelf.samples({**body, "offset": offset}) for offset in range(4)]
        assert sorted(pages) == ["", "a", "b", "d"]
        if key.endswith("Link"):
            assert pages[0] == "a"
