"""Contract 4.1: simple and advanced search for samples."""

from typing import Any

import pytest

from tests.contract.driver import Api, fields_of, refused, unique
from tests.contract.shelves import SampleShelf as Shelf
from tests.contract.shelves import sample_shelf


@pytest.fixture(scope="module")
def shelf(analyzer: Api) -> Shelf:
    return sample_shelf(analyzer)


@pytest.fixture
def find(viewer: Api, shelf: Shelf) -> Any:
    def search(**criteria: Any) -> set[str]:
        return shelf.names(viewer.sample.advanced_search(**shelf.narrowed(**criteria)))

    return search


def test_an_empty_search_finds_everything_recent(viewer: Api, shelf: Shelf) -> None:
    """Newest first, in the default window of a month."""
    answer = viewer.sample.advanced_search(limit=0)
    assert shelf.names(answer) == {"plain", "rich"}
    created = [item["createdTimestamp"] for item in answer["data"]]
    assert created == sorted(created, reverse=True)
    assert viewer.send("POST", "/sample/search", json={}).json()["count"] == answer["count"]


@pytest.mark.parametrize("name", ["sha256", "sha512", "sha1", "md5"])
def test_each_hash(viewer: Api, shelf: Shelf, name: str) -> None:
    """Several values are alternatives; a bare one will do; capitals do not matter."""
    meta = [viewer.sample.get_sample_meta_data(s.sha256)["data"] for s in (shelf.plain, shelf.rich)]
    search = viewer.sample.advanced_search
    assert shelf.names(search(**{name: [m[name] for m in meta]})) == {"plain", "rich"}
    assert shelf.names(search(**{name: meta[0][name]})) == {"plain"}
    assert search(**{name: ["0" * len(meta[0][name])]})["count"] == 0


def test_different_criteria_are_all_required(find: Any, viewer: Api, shelf: Shelf) -> None:
    md5 = viewer.sample.get_sample_meta_data(shelf.rich.sha256)["data"]["md5"]
    assert find(md5=[md5]) == {"rich"}
    assert find(md5=[md5], tlp=["green"]) == set()


def test_keywords_are_substrings_in_any_case(viewer: Api, shelf: Shelf) -> None:
    """Over all fields unless some are selected."""
    search = viewer.sample.simple_search
    assert shelf.names(search([shelf.word])) == {"plain", "rich"}
    assert shelf.names(search(shelf.word.upper())) == {"plain", "rich"}
    assert shelf.names(search([f"{shelf.word}-rich"])) == {"rich"}
    assert shelf.names(search([shelf.plain.sha256[5:40].upper()])) >= {"plain"}
    assert search([unique()])["count"] == 0


@pytest.mark.parametrize("wild", ["%", "_", "\\", "'", '"', "*", "%%%", "a%b", "\x1f"])
def test_no_character_of_a_keyword_is_special(viewer: Api, shelf: Shelf, wild: str) -> None:
    """What the database would take for a wildcard is only a character."""
    assert viewer.sample.simple_search([f"{shelf.word}{wild}nothing"])["count"] == 0
    assert viewer.sample.simple_search([f"{shelf.word[:5]}{wild}{shelf.word[6:]}"])["count"] == 0


def test_keyword_fields(viewer: Api, shelf: Shelf) -> None:
    """Each strategy looks into its own part."""
    search = viewer.sample.simple_search
    parts = {
        "submission": f"{shelf.word}-rich.png",
        "analysis": f"{shelf.word}-hit",
        "fact": f"{shelf.word}-fact",
        "link": "linker",
        "sha256": shelf.rich.sha256,
    }
    for field, keyword in parts.items():
        assert shelf.names(search([keyword], keywordFieldStrategy=[field])) == {"rich"}, field
    for field in ("sha512", "md5", "fact", "submission"):
        assert shelf.names(search([parts["analysis"]], keywordFieldStrategy=[field])) == set(), field
    assert shelf.names(search([parts["fact"]], keywordFieldStrategy=["analysis", "fact"])) == {"rich"}
    assert shelf.names(search([parts["fact"]], keywordFieldStrategy="all")) == {"rich"}


def test_any_or_all_of_the_keywords(viewer: Api, shelf: Shelf) -> None:
    """`any` is the simple search's default; with `all`, each may match in another field."""
    keywords = [f"{shelf.word}-plain", f"{shelf.word}-rich", unique()]
    search = viewer.sample.simple_search
    assert shelf.names(search(keywords)) == {"plain", "rich"}
    assert shelf.names(search(keywords, keywordMatchStrategy="all")) == set()
    across = [f"{shelf.word}-rich", f"{shelf.word}-fact"]
    assert shelf.names(search(across, keywordMatchStrategy="all")) == {"rich"}


def test_keywords_in_the_advanced_search(find: Any, shelf: Shelf) -> None:
    assert find(keywords=[f"{shelf.word}-hit"]) == {"rich"}
    assert find(keywords=[f"{shelf.word}-hit"], keywordFieldStrategy=["submission"]) == set()
    both = [f"{shelf.word}-plain", f"{shelf.word}-hit"]
    assert find(keywords=both, keywordMatchStrategy="any") == {"plain", "rich"}
    assert find(keywords=both, keywordMatchStrategy="all") == set()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("keywordFieldStrategy", "filename"),
        ("keywordMatchStrategy", "some"),
        ("tlp", "grey"),
        ("timeFieldStrategy", "sometimes"),
        ("timeMatchStrategy", "none"),
        ("userFieldStrategy", "owner"),
        ("userMatchStrategy", "none"),
        ("startTimestamp", "someday"),
        ("indexStartTimestamp", "someday"),
        ("indexEndTimestamp", "someday"),
        ("analysis", "x"),
        ("verdict", [{"minimumScore": 101}]),
        ("verdict", [{"maximumScore": -2}]),
        ("verdict", [{"includeFlags": ["guessed"]}]),
        ("link", [{"linkType": ["cousin"]}]),
        ("subCriteria", [{"tlp": ["grey"]}]),
        ("analysis", [{"analysisResult": [{"path": "a b", "value": ["x"]}]}]),
    ],
)
def test_a_wrong_criterion_is_refused(viewer: Api, field: str, value: Any) -> None:
    response = viewer.send("POST", "/sample/search", json={field: value})
    assert response.status_code == 412
    assert response.json()["messages"][0]["field"].startswith(field)


def test_customers(find: Any, shelf: Shelf) -> None:
    customer = shelf.rich.submission["customer"]
    for reference in (customer["id"], str(customer["id"]), customer["shortName"]):
        assert find(customer=[reference]) == {"plain", "rich"}
    assert find(customer=["other"]) == set()


def test_users(find: Any, analyzer: Api, admin: Api, shelf: Shelf) -> None:
    """Who submitted, analysed or linked; any or all of them."""
    me = analyzer.me
    for reference in (me["id"], str(me["id"]), me["shortName"]):
        assert find(user=[reference]) == {"plain", "rich"}
    assert find(user=[me["shortName"]], userFieldStrategy=["analysedByUser"]) == {"rich"}
    assert find(user=[me["shortName"]], userFieldStrategy=["linkedByUser"]) == {"rich"}
    assert find(user=[me["shortName"]], userFieldStrategy="submittedByUser") == {"plain", "rich"}
    everything = ["submittedByUser", "analysedByUser", "linkedByUser"]
    assert find(user=[me["shortName"]], userFieldStrategy=everything, userMatchStrategy="all") == {"rich"}
    assert find(user=[admin.me["shortName"]]) == set()


def test_tlp_of_any_part(find: Any) -> None:
    """Of a submission, an analysis or a link."""
    assert find(tlp=["green"]) == {"plain"}
    assert find(tlp=["amber"]) == {"rich"}
    assert find(tlp=["clear"]) == {"rich"}
    assert find(tlp=["white"]) == {"rich"}
    assert find(tlp=["red"]) == set()


TIME_FIELDS = {
    "sampleCreated": {"plain", "rich"},
    "submissionCreated": {"plain", "rich"},
    "submissionObserved": {"plain", "rich"},
    "firstSubmitted": {"plain", "rich"},
    "lastSubmitted": {"plain", "rich"},
    "classificationCreated": {"rich"},
    "analysisCreated": {"rich"},
    "linkCreated": {"rich"},
    "submissionExpiry": set(),
}


@pytest.mark.parametrize("field", TIME_FIELDS)
def test_each_time_field(find: Any, field: str) -> None:
    window = {"startTimestamp": "now - 1 hour", "endTimestamp": "now + 1 hour"}
    assert find(**window, timeFieldStrategy=[field]) == TIME_FIELDS[field]
    assert find(endTimestamp="now - 1 day", timeFieldStrategy=[field]) == set()


def test_time_fields_together(find: Any) -> None:
    """Any of all fields by default; all of the selected ones on request."""
    coming = {"startTimestamp": "now + 20 days", "endTimestamp": "now + 40 days"}
    assert find(**coming) == {"rich"}
    assert find(**coming, timeFieldStrategy=["submissionExpiry", "sampleCreated"]) == {"rich"}
    both = {"timeFieldStrategy": ["submissionExpiry", "sampleCreated"], "timeMatchStrategy": "all"}
    assert find(**coming, **both) == set()
    assert find(startTimestamp="now - 1 hour", **both) == {"rich"}


def test_sorting_by_size(viewer: Api, shelf: Shelf) -> None:
    search = viewer.sample.advanced_search
    sizes = [s["size"] for s in search(**shelf.narrowed(sortBy=["-sampleSize"]))["data"]]
    assert sizes == sorted(sizes, reverse=True)
    last = search(**shelf.narrowed(sortBy=["lastAddedAnalysis"]))["data"]
    assert [s["sha256"] for s in last] == [shelf.rich.sha256, shelf.plain.sha256]
    last = search(**shelf.narrowed(sortBy=["-lastAddedLink"]))["data"]
    assert [s["sha256"] for s in last] == [shelf.rich.sha256, shelf.plain.sha256]


def test_a_wrong_list_in_the_query_is_refused(viewer: Api) -> None:
    for field in ("keywordFieldStrategy", "keywordMatchStrategy"):
        with refused(412) as caught:
            viewer.sample.simple_search(["x"], **{field: "some"})
        assert fields_of(caught)[0].startswith(field)
