"""Contract 4.1: simple and advanced search for samples."""

import os
from dataclasses import dataclass
from typing import Any

import pytest

from tests.contract.driver import EXTERNAL, Api, Submitted, fields_of, refused, unique


@dataclass(frozen=True)
class Shelf:
    """Two samples that differ in everything: `plain` was submitted only, `rich` was worked on."""

    word: str
    plain: Submitted
    rich: Submitted

    def names(self, answer: dict[str, Any]) -> set[str]:
        """Which of the two a search found."""
        found = {item["sha256"] for item in answer["data"]}
        pair = {"plain": self.plain, "rich": self.rich}
        return {name for name, sample in pair.items() if sample.sha256 in found}


@pytest.fixture(scope="module")
def shelf(analyzer: Api) -> Shelf:
    word = unique()
    plain = analyzer.submit(
        os.urandom(1500),
        fileName=f"{word}-plain.txt",
        mimeType="text/plain",
        metaData={"w": word},
        tlp="green",
    )
    png = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + os.urandom(3000)
    rich = analyzer.submit(
        png,
        fileName=f"{word}-RICH.png",
        mimeType="image/png",
        metaData={"w": word, "deep.key": f"{word} value"},
        userAgent={"name": "rich-agent", "version": "9"},
        retention="now + 30 days",
    )
    analysis = analyzer.add_analysis(
        rich.sha256,
        80,
        analysisResult={"engine": {"names": [f"{word}-hit"], "depth": 3}, "flat": word},
        userAgent={"name": EXTERNAL, "version": "3.2"},
        tags=[{"type": "family", "value": f"{word}-family"}],
    )
    analyzer.sample.add_link(
        rich.sha256, plain.sha256, "clear", "downloads", {"name": "linker", "version": "1"}
    )
    analyzer.sample.add_static_fact(
        rich.sha256, f"{word}.key", {"name": "facts", "version": "1"}, f"{word}-fact"
    )
    analyzer.sample.reclassify_sample(rich.sha256)
    analyzer.finish(rich.job, analyses=[analysis["analysisID"]])
    analyzer.verdict_of(rich.job, rich.sha256)
    return Shelf(word, plain, rich)


Criteria = dict[str, Any]


def narrowed(shelf: Shelf, **criteria: Any) -> Criteria:
    """The two samples only, and these criteria of the test."""
    return {"sha256": [shelf.plain.sha256, shelf.rich.sha256], **criteria}


@pytest.fixture
def find(viewer: Api, shelf: Shelf) -> Any:
    def search(**criteria: Any) -> set[str]:
        return shelf.names(viewer.sample.advanced_search(**narrowed(shelf, **criteria)))

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


def cases(shelf: Shelf) -> list[tuple[str, dict[str, Any]]]:
    """One criterion of each kind that `rich` meets and `plain` does not."""
    word = shelf.word
    return [
        ("analysis", {"userAgent": [{"name": [EXTERNAL]}]}),
        ("analysis", {"userAgent": [{"name": [EXTERNAL, "x"], "version": ["3.2"]}]}),
        ("analysis", {"analysisResult": [{"path": "flat", "value": [word]}]}),
        ("analysis", {"analysisResult": [{"path": "engine.names", "value": ["x", f"{word}-hit"]}]}),
        ("analysis", {"analysisResult": [{"path": "engine.depth", "value": ["3"]}]}),
        (
            "analysis",
            {"userAgent": [{"name": EXTERNAL}], "analysisResult": [{"path": "flat", "value": word}]},
        ),
        ("fact", {"key": [f"{word}.key"]}),
        ("fact", {"value": [f"{word}-fact"], "userAgent": [{"name": ["facts"]}]}),
        ("link", {"linkType": ["downloads", "loads"]}),
        ("link", {"reference": [shelf.plain.sha256], "userAgent": [{"name": ["linker"], "version": ["1"]}]}),
        ("submission", {"fileName": [f"{word}-RICH.png"]}),
        ("submission", {"mimeType": ["image/png"], "userAgent": [{"name": ["rich-agent"]}]}),
        ("submission", {"metaData": [{"path": "deep.key", "value": [f"{word} value"]}]}),
        ("verdict", {"minimumScore": 80, "maximumScore": 80}),
        ("verdict", {"minimumScore": 50}),
        ("verdict", {"tags": [{"type": "family", "value": f"{word}-family"}]}),
    ]


def test_each_nested_criterion(find: Any, shelf: Shelf) -> None:
    """Optional ones must match where there is one; `required` must; `exclude` must not."""
    for kind, criterion in cases(shelf):
        where = f"{kind} {criterion}"
        assert find(**{kind: [criterion]}) == {"rich"}, where
        assert find(**{kind: [{**criterion, "required": True}]}) == {"rich"}, where
        assert find(**{kind: [{**criterion, "exclude": True}]}) == {"plain"}, where
        assert find(**{kind: criterion}) == {"rich"}, f"bare {where}"


def test_what_no_nested_criterion_meets(find: Any, shelf: Shelf) -> None:
    word = shelf.word
    for kind, criterion in (
        ("analysis", {"userAgent": [{"name": [EXTERNAL], "version": ["9"]}]}),
        ("analysis", {"analysisResult": [{"path": "engine.flat", "value": [word]}]}),
        ("analysis", {"analysisResult": [{"path": "flat", "value": ["x"]}]}),
        ("fact", {"key": [f"{word}.key"], "value": ["another"]}),
        ("link", {"linkType": ["parent"]}),
        ("submission", {"includeFlags": ["trustedAgent"]}),
        ("verdict", {"minimumScore": 81}),
        ("verdict", {"maximumScore": 79}),
        ("verdict", {"includeFlags": ["manual"]}),
    ):
        assert find(**{kind: [criterion]}) == set(), f"{kind} {criterion}"


def test_flags_are_included_or_excluded(find: Any) -> None:
    """A sample without a verdict meets no criterion about one."""
    assert find(verdict=[{"excludeFlags": ["manual"]}]) == {"rich"}
    assert find(submission=[{"excludeFlags": ["trustedAgent"]}]) == {"plain", "rich"}


def test_classification_criteria(find: Any, viewer: Api, shelf: Shelf) -> None:
    classification = viewer.sample.list_classifications(shelf.rich.sha256)["data"][0]
    for name in {"type", "superType", "arch", "platform", "version"} & classification.keys():
        assert find(classification=[{name: [classification[name]]}]) == {"rich"}, name
    assert find(classification=[{"type": [unique()]}]) == set()


def test_optional_required_and_excluded_together(find: Any, shelf: Shelf) -> None:
    """One of the optional ones is enough; each required one is needed; no excluded one may match."""
    plain, rich = f"{shelf.word}-plain.txt", f"{shelf.word}-RICH.png"
    either = [{"fileName": [plain]}, {"fileName": [rich]}]
    assert find(submission=either) == {"plain", "rich"}
    assert find(submission=[*either, {"mimeType": ["image/png"], "required": True}]) == {"rich"}
    assert find(submission=[*either, {"mimeType": ["image/png"], "exclude": True}]) == {"plain"}
    assert find(submission=[{"fileName": ["x"]}, {"mimeType": ["image/png"], "required": True}]) == set()
    assert find(submission=[{"fileName": [plain]}], fact=[{"key": [f"{shelf.word}.key"]}]) == set()


def test_sub_criteria(find: Any, shelf: Shelf) -> None:
    """All criteria again, with `required` and `exclude` of their own."""
    rich = {"submission": [{"mimeType": ["image/png"]}]}
    plain = {"keywords": [f"{shelf.word}-plain"], "keywordFieldStrategy": ["submission"]}
    assert find(subCriteria=[rich]) == {"rich"}
    assert find(subCriteria=[rich, plain]) == {"plain", "rich"}
    assert find(subCriteria=[{**rich, "required": True}, plain]) == set()
    assert find(subCriteria=[{**rich, "exclude": True}]) == {"plain"}
    assert find(subCriteria=[{**rich, "required": True}, {**plain, "exclude": True}]) == {"rich"}
    assert find(subCriteria=[{"sha256": [shelf.plain.sha256]}, {"tlp": ["clear"]}]) == {"plain", "rich"}
    assert find(subCriteria=[{"sha256": [shelf.plain.sha256], "tlp": ["clear"]}]) == set()
    window = {"startTimestamp": "now + 20 days", "timeFieldStrategy": ["submissionExpiry"]}
    assert find(subCriteria=[window]) == {"rich"}
    assert find(subCriteria=rich) == {"rich"}


def test_a_sub_criterion_excludes_what_it_describes_as_a_whole(find: Any, shelf: Shelf) -> None:
    """Excluded is what meets all of it, not what meets a part."""
    both = {"submission": [{"mimeType": ["image/png"]}], "fact": [{"key": [unique()]}], "exclude": True}
    assert find(subCriteria=[both]) == {"plain", "rich"}
    assert find(analysis=[{"userAgent": [{"name": [EXTERNAL]}, {"name": ["x"]}]}]) == {"rich"}


def test_sorting_by_size(viewer: Api, shelf: Shelf) -> None:
    search = viewer.sample.advanced_search
    sizes = [s["size"] for s in search(**narrowed(shelf, sortBy=["-sampleSize"]))["data"]]
    assert sizes == sorted(sizes, reverse=True)
    last = search(**narrowed(shelf, sortBy=["lastAddedAnalysis"]))["data"]
    assert [s["sha256"] for s in last] == [shelf.rich.sha256, shelf.plain.sha256]
    last = search(**narrowed(shelf, sortBy=["-lastAddedLink"]))["data"]
    assert [s["sha256"] for s in last] == [shelf.rich.sha256, shelf.plain.sha256]


def test_a_wrong_list_in_the_query_is_refused(viewer: Api) -> None:
    for field in ("keywordFieldStrategy", "keywordMatchStrategy"):
        with refused(412) as caught:
            viewer.sample.simple_search(["x"], **{field: "some"})
        assert fields_of(caught)[0].startswith(field)
