"""Contract 5.3: simple and advanced search for submissions."""

from typing import Any

import pytest

from tests.contract.driver import Api, unique
from tests.contract.shelves import DAY, PAST, submission_shelf
from tests.contract.shelves import SubmissionShelf as Shelf


@pytest.fixture(scope="module")
def shelf(analyzer: Api) -> Shelf:
    return submission_shelf(analyzer)


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
