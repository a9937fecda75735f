"""The searches of the contract over generated rows, each with a criterion that an index can serve."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import md5
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session

from orchestrator.api.schemas.search import SampleSearchRequest, SubmissionSearchRequest
from orchestrator.api.schemas.statistics import StatisticsRequest
from orchestrator.domain.caller import Caller
from orchestrator.domain.vocabulary import Role
from orchestrator.services.search import search_samples, search_submissions
from orchestrator.services.statistics import submission_statistics
from orchestrator.store.unit_of_work import UnitOfWork


def _caller(name: str, number: int, role: Role = Role.viewer) -> Caller:
    return Caller(number, f"{name}-user", number, name, role, (number,))


#: Owns nearly everything; owns a thousandth; owns nothing, but is shown 50 submissions; sees everything.
CALLERS = {
    "large": _caller("large", 101),
    "small": _caller("small", 102),
    "guest": _caller("guest", 103),
    "admin": _caller("admin", 101, Role.administrator),
}

#: An index period that holds every row; the default one holds a twelfth of them.
EVER = {"indexStartTimestamp": 0, "indexEndTimestamp": "now + 1 day"}
RECENT = {"startTimestamp": "now - 6 hours", "endTimestamp": "now"}


def sha256_of(row: int) -> str:
    return _md5(f"{row}") + _md5(f"b{row}")


def _md5(text: str) -> str:
    return md5(text.encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True)
class Search:
    """One search; run as a service would, with what it sent to the database."""

    kind: str
    body: dict[str, Any] = field(default_factory=dict)
    caller: str = "admin"

    @property
    def name(self) -> str:
        return f"{self.kind} {self.caller} {self.body}"

    def run(self, uow: UnitOfWork) -> Any:
        caller = CALLERS[self.caller]
        if self.kind == "sample":
            sample = SampleSearchRequest.model_validate(self.body)
            return search_samples(uow, caller, sample.to_domain(), sample.index, sample.page)
        if self.kind == "submission":
            submission = SubmissionSearchRequest.model_validate(self.body)
            return search_submissions(uow, caller, submission.to_domain(), submission.index, submission.page)
        statistics = StatisticsRequest.model_validate(self.body)
        return submission_statistics(uow, caller, statistics.to_domain(), statistics.index)


def _searches() -> Iterator[Search]:
    word = _md5("imp7")[:12]
    for caller in CALLERS:
        yield Search("sample", {}, caller)
        yield Search("sample", {**EVER, "keywords": ["invoice-4321."]}, caller)
        yield Search("submission", {}, caller)
        yield Search("submission", {**EVER, "keywords": ["invoice-4321."]}, caller)
        yield Search("statistics", {"groupBy": [{"field": "mimeType"}, {"field": "tlp"}]}, caller)
    for sort in ("sampleCreatedTimestamp", "sampleSize", "lastUpdatedSubmission", "lastAddedAnalysis"):
        yield Search("sample", {"sortBy": [sort]})
        yield Search("sample", {"sortBy": [f"-{sort}"]}, "large")
    yield Search("sample", {**EVER, "sortBy": ["sampleSize"]})
    for sort in ("fileName", "mimeType", "expiryTimestamp", "-submittedTimestamp"):
        yield Search("submission", {"sortBy": [sort]})
    yield from (Search("sample", {**EVER, **body}) for body in _of_samples(word))
    yield from (Search("sample", {**EVER, **body}, "large") for body in _of_samples(word))
    yield from (Search("submission", {**EVER, **body}) for body in _of_submissions())
    yield Search("statistics", {**EVER, "fileName": ["invoice-4321.exe"], "groupBy": [{"field": "customer"}]})


def _of_samples(word: str) -> Iterator[dict[str, Any]]:
    sha256 = sha256_of(4321)
    yield {"sha256": [sha256], "md5": [_md5("g4321")]}
    yield from ({name: ["0" * 40]} for name in ("sha512", "sha1", "md5"))
    yield {"keywords": [sha256[7:30]]}
    fields = {"sha256": sha256[3:20], "md5": _md5("g4321")[3:20], "submission": "invoice-4321.", "fact": word}
    fields |= {
        "analysis": word,
        "link": sha256_of(4322)[:20],
        "classification": "rare",
        "verdict": "family77",
    }
    yield from ({"keywords": [word], "keywordFieldStrategy": [name]} for name, word in fields.items())
    yield {"keywords": [word, "invoice-7777.exe"]}
    yield {"keywords": [word, "seldom"], "keywordMatchStrategy": "all"}
    yield {"customer": ["small"]}
    yield {"user": ["small-user"]}
    yield {"user": ["small-user"], "userFieldStrategy": ["linkedByUser"]}
    yield {"tlp": ["green"]}
    yield {**RECENT, "timeFieldStrategy": ["all"], "indexStartTimestamp": "now - 1 month"}
    for name in ("classification", "submission", "analysis", "link"):
        yield {**RECENT, "timeFieldStrategy": [f"{name}Created"]}
    yield {**RECENT, "timeFieldStrategy": ["submissionObserved"]}
    yield {**RECENT, "timeFieldStrategy": ["submissionExpiry"]}
    clauses: list[tuple[str, dict[str, Any]]] = [
        ("analysis", {"userAgent": [{"name": ["seldom"]}]}),
        ("analysis", {"analysisResult": [{"path": "imphash", "value": [_md5("imp7")]}]}),
        ("analysis", {"analysisResult": [{"path": "names", "value": ["n77"]}]}),
        ("classification", {"type": ["rare"]}),
        ("classification", {"metaData": [{"path": "compiler", "value": ["c77"]}]}),
        ("fact", {"key": ["seldom"]}),
        ("fact", {"value": [_md5("fact77")]}),
        ("fact", {"userAgent": [{"name": ["hand"]}]}),
        ("link", {"linkType": ["loads"]}),
        ("link", {"reference": [sha256]}),
        ("link", {"userAgent": [{"name": ["seldom"]}]}),
        ("submission", {"fileName": ["invoice-4321.exe"]}),
        ("submission", {"metaData": [{"path": "case", "value": ["case-77"]}]}),
        ("submission", {"userAgent": [{"name": ["nobody"]}]}),
        ("verdict", {"minimumScore": 96}),
        ("verdict", {"tags": [{"type": "family", "value": "family77"}]}),
        ("verdict", {"includeFlags": ["manual"]}),
        ("verdict", {"includeFlags": ["contradictingStatusOverrides"]}),
    ]
    yield from ({kind: [clause]} for kind, clause in clauses)
    one = {"fact": [{"value": [_md5("fact77")]}]}
    yield {**one, "analysis": [{"userAgent": [{"name": ["seldom"]}], "exclude": True}]}
    yield {"fact": [{"key": ["seldom"]}, {"value": [_md5("fact77")]}]}
    yield {"subCriteria": [{"md5": [_md5("g77")]}, one, {"keywords": [word]}]}


def _of_submissions() -> Iterator[dict[str, Any]]:
    yield {"id": ["00000000-0000-4000-8003-0000000010e1"]}
    yield {"sampleSha256": [sha256_of(4321)]}
    yield {"fileName": ["invoice-4321.exe", "invoice-7.exe"]}
    yield {"mimeType": ["application/none"]}
    yield {"tlp": ["green"]}
    yield {"customer": ["small"]}
    yield {"userAgent": [{"name": ["nobody"]}]}
    yield {"metaData": [{"path": "case", "value": ["case-77"]}]}
    yield {"keywords": ["invoice-4321."], "keywordFieldStrategy": ["fileName", "metaData"]}
    yield {"keywords": ["invoice-4321.", sha256_of(4321)[4:20]]}
    yield RECENT
    yield {"subCriteria": [{"fileName": ["invoice-4321.exe"]}, {"sampleSha256": [sha256_of(77)]}]}


SEARCHES = list(_searches())


@contextmanager
def statements(session: Session) -> Iterator[list[tuple[str, Any]]]:
    """What the session sends to the database, within the block."""
    sent: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        sent.append((statement, parameters))

    connection = session.connection()
    event.listen(connection, "before_cursor_execute", note)
    yield sent
    event.remove(connection, "before_cursor_execute", note)
