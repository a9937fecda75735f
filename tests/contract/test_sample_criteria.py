"""Contract 4.1: the nested criteria of the search for samples."""

from typing import Any

import pytest

from tests.contract.driver import EXTERNAL, Api, unique
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
