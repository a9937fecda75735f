"""Selects of the hashes of samples, by what belongs to the samples."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import Select, and_, false, func, select
from sqlalchemy.orm import Session, aliased

from orchestrator.domain.caller import Caller
from orchestrator.domain.criteria import (
    AnalysisClause,
    ClassificationClause,
    FactClause,
    LinkClause,
    Period,
    SampleField,
    SampleTime,
    SubmissionClause,
    UserField,
    VerdictClause,
    VerdictFlag,
    selected,
)
from orchestrator.domain.vocabulary import Tlp
from orchestrator.store.search.conditions import (
    Condition,
    Documents,
    agents,
    contains,
    one_of,
    some,
    text_is,
    within,
)
from orchestrator.store.search.sight import Sight
from orchestrator.store.search.submissions import SubmissionQuery
from orchestrator.store.tables import (
    Analysis,
    SampleClassification,
    SampleLink,
    SampleRow,
    StaticFact,
    Submission,
    Verdict,
)
from orchestrator.store.tables.samples import CLASSIFIED

Hashes = Select[str]

#: The keyword fields that are columns of the sample's own.
_OWN = (SampleField.sha256, SampleField.sha512, SampleField.sha1, SampleField.md5)


class Parts:
    """Each method selects the hashes of samples that have something, as far as the caller may see it."""

    def __init__(self, session: Session, caller: Caller, index: Period) -> None:
        self._index = index
        self._sight = Sight(session, caller)
        self._submissions = SubmissionQuery(session, caller)
        self._documents = Documents(session.get_bind().dialect.name)

    def submissions(self, *conditions: Condition) -> Hashes:
        return select(Submission.sample_sha256).where(*self._sight.submissions(), *conditions)

    def _analyses(self, *conditions: Condition) -> Hashes:
        return select(Analysis.sample_sha256).where(*self._sight.findings(Analysis), *conditions)

    def _links(self, *conditions: Condition) -> Hashes:
        return select(SampleLink.sample_sha256).where(*self._sight.findings(SampleLink), *conditions)

    def _facts(self, *conditions: Condition) -> Hashes:
        return select(StaticFact.sample_sha256).where(*conditions)

    def _classifications(self, *conditions: Condition) -> Hashes:
        return _latest(SampleClassification, "latest_classification_id", conditions)

    def _verdicts(self, *conditions: Condition) -> Hashes:
        return _latest(Verdict, "latest_verdict_id", conditions)

    def _samples(self, condition: Callable[[Any], Condition]) -> Hashes:
        sample = aliased(SampleRow)
        live = (sample.deleted_at.is_(None), *within(sample.created_at, self._index))
        return select(sample.sha256).where(condition(sample), *live)

    def analysis(self, wanted: AnalysisClause) -> Hashes:
        results = self._documents.metadata(Analysis.result, wanted.analysis_result)
        return self._analyses(*agents(Analysis, wanted.user_agent), *results)

    def classification(self, wanted: ClassificationClause) -> Hashes:
        kind = SampleClassification
        return self._classifications(
            *(each for name in CLASSIFIED for each in text_is(getattr(kind, name), getattr(wanted, name))),
            *self._documents.metadata(kind.meta_data, wanted.meta_data),
        )

    def fact(self, wanted: FactClause) -> Hashes:
        return self._facts(
            *text_is(StaticFact.key, wanted.key),
            *text_is(StaticFact.value, wanted.value),
            *agents(StaticFact, wanted.user_agent),
        )

    def link(self, wanted: LinkClause) -> Hashes:
        return self._links(
            *one_of(SampleLink.type, wanted.link_type),
            *one_of(SampleLink.reference, [each.lower() for each in wanted.reference]),
            *agents(SampleLink, wanted.user_agent),
        )

    def submission(self, wanted: SubmissionClause) -> Hashes:
        return self.submissions(*self._submissions.clause(wanted))

    def verdict(self, wanted: VerdictClause) -> Hashes:
        conditions = self._documents.tags(Verdict.tags, wanted.tags)
        if wanted.minimum_score is not None:
            conditions.append(Verdict.score >= wanted.minimum_score)
        if wanted.maximum_score is not None:
            conditions.append(Verdict.score <= wanted.maximum_score)
        if wanted.include_flags:
            conditions.append(some(_FLAGS[each] for each in wanted.include_flags))
        conditions += [~_FLAGS[each] for each in wanted.exclude_flags]
        return self._verdicts(*conditions)

    def of_customers(self, ids: Sequence[int]) -> Hashes:
        return self.submissions(Submission.customer_id.in_(ids))

    def of_users(self, field: UserField, ids: Sequence[int]) -> Hashes:
        if field is UserField.submitted:
            return self.submissions(Submission.user_id.in_(ids))
        if field is UserField.analysed:
            return self._analyses(Analysis.user_id.in_(ids))
        return self._links(SampleLink.user_id.in_(ids))

    def of_tlp(self, labels: Sequence[Tlp]) -> list[Hashes]:
        """Of submissions, analyses and links that carry one of these labels."""
        return [
            self.submissions(Submission.tlp.in_(labels)),
            self._analyses(Analysis.tlp.in_(labels)),
            self._links(SampleLink.tlp.in_(labels)),
        ]

    def of_keywords(self, keywords: Sequence[str], strategy: Iterable[SampleField]) -> list[Hashes]:
        """Where any of the keywords is found, for each of the fields."""

        def found(kind: Any, fields: Sequence[str] = ()) -> Condition:
            return some(contains(kind, keyword, fields) for keyword in keywords)

        by_field: dict[SampleField, Callable[[], Hashes]] = {
            SampleField.submission: lambda: self.submissions(found(Submission)),
            SampleField.analysis: lambda: self._analyses(found(Analysis)),
            SampleField.link: lambda: self._links(found(SampleLink)),
            SampleField.classification: lambda: self._classifications(found(SampleClassification)),
            SampleField.verdict: lambda: self._verdicts(found(Verdict)),
            SampleField.fact: lambda: self._facts(found(StaticFact)),
        }
        picked = selected(strategy, SampleField)
        own = [each.value for each in picked if each in _OWN]
        # all four together are the whole text
        sections = [] if len(own) == len(_OWN) else own
        hashes = [self._samples(lambda sample: found(sample, sections))] if own else []
        return hashes + [by_field[each]() for each in picked if each in by_field]

    def of_period(self, period: Period, strategy: Iterable[SampleTime]) -> list[Hashes]:
        """Of samples for which each of the fields lies in the period."""

        def lies(column: Any) -> Condition:
            return and_(*within(column, period))

        by_field: dict[SampleTime, Callable[[], Hashes]] = {
            SampleTime.sample_created: lambda: self._samples(lambda each: lies(each.created_at)),
            SampleTime.first_submitted: lambda: self._samples(lambda each: lies(each.first_submitted_at)),
            SampleTime.last_submitted: lambda: self._samples(lambda each: lies(each.last_submitted_at)),
            SampleTime.classification_created: lambda: self._classifications(
                lies(SampleClassification.created_at)
            ),
            SampleTime.submission_created: lambda: self.submissions(lies(Submission.submitted_at)),
            SampleTime.submission_observed: lambda: self.submissions(lies(Submission.observed_at)),
            SampleTime.submission_expiry: lambda: self.submissions(lies(Submission.expiry_at)),
            SampleTime.analysis_created: lambda: self._analyses(lies(Analysis.created_at)),
            SampleTime.link_created: lambda: self._links(lies(SampleLink.created_at)),
        }
        return [by_field[each]() for each in selected(strategy, SampleTime)]


_FLAGS: dict[VerdictFlag, Condition] = {
    VerdictFlag.manual: and_(Verdict.manual),
    VerdictFlag.contradicting: and_(Verdict.contradicting),
    # no verdict of ours is shared between services
    VerdictFlag.shared: false(),
}


def _latest(kind: Any, pointer: str, conditions: Iterable[Condition]) -> Hashes:
    """The samples whose latest row of this kind meets the conditions."""
    sample = aliased(SampleRow)
    # By the hash, which is what indexes hold. That the ids are equal as well is wrapped up: the planner
    # would multiply the two chances, expect one row, and loop over a million.
    latest = func.coalesce(kind.id == getattr(sample, pointer), false())
    return (
        select(kind.sample_sha256)
        .join(sample, kind.sample_sha256 == sample.sha256)
        .where(latest, *conditions)
    )
