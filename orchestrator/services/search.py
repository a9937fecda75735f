"""Searching samples and submissions (contract sections 4.1 and 5.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from enum import StrEnum
from uuid import UUID

from orchestrator.domain.caller import Caller
from orchestrator.domain.criteria import Clause, Period, SampleCriteria, SubmissionCriteria
from orchestrator.domain.paging import Found, Page
from orchestrator.errors import Invalid
from orchestrator.services import samples, submissions
from orchestrator.services.samples import Described
from orchestrator.store.search.samples import search_samples as find_samples
from orchestrator.store.search.submissions import search_submissions as find_submissions
from orchestrator.store.tables import AccessGrant, Submission
from orchestrator.store.unit_of_work import UnitOfWork

#: What one request may hold, in all its criteria together: values, and clauses or keywords. A statement
#: has so many parameters (PostgreSQL 65,535) and is so deep (SQLite 1,000) at most.
MAX_VALUES = 20_000
MAX_CLAUSES = 200

#: How many rows are described by one statement.
_BATCH = 10_000


def search_samples(
    uow: UnitOfWork, caller: Caller, criteria: SampleCriteria, index: Period, page: Page
) -> Found[Described]:
    """The samples that match and that the caller may see; deleted ones are left out."""
    check_size(criteria)
    found = find_samples(uow.session, caller, criteria, index, page)
    return Found(samples.describe(uow, found.items), found.count, found.page)


def search_submissions(
    uow: UnitOfWork, caller: Caller, criteria: SubmissionCriteria, index: Period, page: Page
) -> Found[tuple[Submission, Sequence[AccessGrant]]]:
    """The submissions that match and that the caller may read, with who else each is shared with."""
    check_size(criteria)
    found = find_submissions(uow.session, caller, criteria, index, page)
    shown = []
    for start in range(0, len(found.items), _BATCH):
        rows = found.items[start : start + _BATCH]
        grants = submissions.grants_of(uow, rows)
        shown += [(row, grants[row.id]) for row in rows]
    return Found(shown, found.count, found.page)


def check_size(criteria: Clause) -> None:
    """Refuse criteria that no statement can hold."""
    values = clauses = 0
    waiting: list[object] = [criteria]
    while waiting:
        each = waiting.pop()
        if isinstance(each, tuple):
            waiting += each
        elif is_dataclass(each):
            clauses += 1 + len(getattr(each, "keywords", ()))
            waiting += [getattr(each, field.name) for field in fields(each)]
        elif isinstance(each, str | UUID) and not isinstance(each, StrEnum):
            values += 1
    if values > MAX_VALUES or clauses > MAX_CLAUSES:
        text = f"a search holds at most {MAX_VALUES} values, and {MAX_CLAUSES} clauses and keywords"
        raise Invalid("body", text)
