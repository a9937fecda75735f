"""Searching samples and submissions over both databases (contract sections 1.6, 4.1 and 5.3)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from orchestrator.domain.clock import now
from orchestrator.domain.vocabulary import Role
from orchestrator.store import paging
from orchestrator.store.search import planner
from orchestrator.store.tables import SampleRow, Submission
from tests.conftest import missing
from tests.integration.api import Api, TestDatabase

AGENT = {"name": "agent", "version": "1"}


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


class Shelf:
    """Four samples: ``a`` and ``b`` of one customer, ``c`` of another, ``d`` of both; ``b`` is shared."""

    def __init__(self, api: Api) -> None:
        self.api = api
        other = self.other = api.key(Role.analyzer, "other")
        self.guest = api.key(Role.viewer, "guest")
        self._names: dict[str, str] = {}
        self.submissions: dict[str, str] = {}
        self.submit("a", "a", fileName="straße.EXE", metaData={"case": "A-1", "x.y": "50%"}, tlp="green")
        self.submit("b", "b", fileName="b_1.txt", mimeType="text/plain", acl=["guest-viewer"])
        self.submit("c", "c", key=other, fileName="secret.doc", metaData={"case": "A-1"})
        self.submit("d", "d", fileName="d.bin", retention="now + 9 days")
        self.submit("d", "d2", key=other, fileName="d-theirs.bin")
        self.analyse("a", {"names": ["n1", {"deep": [{"er": 5}]}], "ok": True, "f": 1.5}, "pe")
        self.analyse("b", {"names": "n2", "none": None}, "elf", tlp="green")
        self.analyse("d", {"hidden": "theirs"}, "spy", key=other)
        self.link("a", "b", "child")
        self.fact("a", "packer", "upx", "yara")
        self.fact("b", "packer", "none", "hand")

    def submit(self, content: str, name: str, **fields: Any) -> None:
        made = self.api.submit(content.encode() * 400, **fields)
        self._names[made["sampleSha256"]] = content
        self.submissions[made["id"]] = name

    def sha256(self, name: str) -> str:
        return next(sha256 for sha256, each in self._names.items() if each == name)

    def _add(self, sample: str, what: str, body: dict[str, Any], key: str | None) -> None:
        answer = self.api.post(f"/sample/{self.sha256(sample)}/{what}", body, key=key)
        assert answer.status_code in (200, 201), answer.text

    def analyse(self, sample: str, result: Any, agent: str, key: str | None = None, **fields: Any) -> None:
        body = {"analysisResult": result, "analysisScore": 50, "tlp": "amber"}
        customer = "other" if key else "default"
        agents = {"userAgent": {"name": agent, "version": "2"}, "customer": customer}
        self._add(sample, "analysis", {**body, **agents, **fields}, key)

    def link(self, sample: str, other: str, kind: str) -> None:
        body = {"reference": self.sha256(other), "tlp": "amber", "type": kind, "userAgent": AGENT}
        self._add(sample, "link", body, None)

    def fact(self, sample: str, key: str, value: str, agent: str) -> None:
        body = {"key": key, "value": value, "userAgent": {"name": agent, "version": "1"}}
        self._add(sample, "fact", body, None)

    def samples(self, body: Any = None, **options: Any) -> str:
        """Which samples an advanced search finds, in alphabetical order."""
        answer = self.api.post("/sample/search", body, **options)
        assert answer.status_code == 200, answer.text
        return "".join(sorted(self._names[each["sha256"]] for each in answer.json()["data"]))

    def found(self, body: Any = None, **options: Any) -> str:
        """Which submissions an advanced search finds, in its own order."""
        answer = self.api.post("/submission/search", body, **options)
        assert answer.status_code == 200, answer.text
        return " ".join(self.submissions[each["id"]] for each in answer.json()["data"])


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


def test_the_index_period_is_the_last_month_unless_told(
    api: Api,
) -> None:
    """Samples count by when they came, submissions by when they were submitted."""
    old = api.submit(b"old" * 500)
    before = now() - timedelta(days=40)
    with api.begin() as uow:
        uow.session.execute(update(SampleRow).values(created_at=before))
        uow.session.execute(update(Submission).values(submitted_at=before))
        uow.commit()
    for path, wide in (
        ("/sample/search", {"indexStartTimestamp": "now - 2 months"}),
        ("/submission/search", {"indexStartTimestamp": 0, "indexEndTimestamp": "now - 39 days"}),
    ):
        assert api.post(path, {}).json()["count"] == 0
        assert api.post(path, {"indexStartTimestamp": None}).json()["count"] == 0
        assert api.post(path, wide).json()["count"] == 1
    assert api.get(f"/sample?keywords={old['sampleSha256']}").json()["count"] == 0
    assert api.get("/submission?indexStartTimestamp=now+-+41+days").json()["count"] == 1


def test_a_deleted_sample_is_not_found(api: Api) -> None:
    """Nor by a sub-criterion, nor by a keyword."""
    made = api.submit(b"gone" * 500)
    with api.begin() as uow:
        uow.session.execute(update(SampleRow).values(deleted_at=now()))
        uow.commit()
    sha256 = made["sampleSha256"]
    for body in ({}, {"sha256": sha256}, {"keywords": sha256[:9]}, {"subCriteria": [{"sha256": sha256}]}):
        assert api.post("/sample/search", body, role=Role.administrator).json()["count"] == 0


def test_classifications_and_verdicts_count_where_they_are_the_latest(api: Api) -> None:
    """What a sample was once thought to be does not match."""
    sha256 = api.submit(b"judged" * 500)["sampleSha256"]
    for status in ("malicious", "benign"):
        answer = api.post(f"/sample/{sha256}/verdict", {"comment": f"is {status}", "statusOverride": status})
        assert answer.status_code == 201, answer.text

    def count(**body: Any) -> int:
        found: int = api.post("/sample/search", body).json()["count"]
        return found

    assert count(verdict=[{"maximumScore": 0}]) == 1
    assert count(verdict=[{"minimumScore": 100}]) == 0
    assert count(verdict=[{"includeFlags": ["manual"]}]) == 1
    assert count(verdict=[{"excludeFlags": ["manual"]}]) == 0
    assert count(verdict=[{"includeFlags": ["shared"]}]) == 0
    assert count(verdict=[{"excludeFlags": ["shared", "contradictingStatusOverrides"]}]) == 1
    assert count(keywords=["is benign"], keywordFieldStrategy=["verdict"]) == 1
    assert count(keywords=["is malicious"], keywordFieldStrategy=["verdict"]) == 0
