"""Which workers and options a job gets: the default policy, then the rules that match (contract 10.1)."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, ClassVar
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Facts:
    """What rules look at. ``type`` and ``super_type`` are empty while the sample is not classified."""

    customer_id: int
    meta_data: Mapping[str, str] = field(default_factory=dict)
    type: str = ""
    super_type: str = ""


@dataclass(frozen=True, slots=True)
class CustomerMatch:
    """Jobs of one of these customers."""

    #: Kinds of clause apply in this order.
    rank: ClassVar[int] = 0
    customers: frozenset[int]

    def holds(self, facts: Facts) -> bool:
        """Whether the rule is for a job of these facts."""
        return facts.customer_id in self.customers

    def claims(self) -> frozenset[Hashable]:
        """What no other live rule may claim (contract section 10, uniqueness)."""
        return frozenset(("customer", each) for each in self.customers)


@dataclass(frozen=True, slots=True)
class ClassificationMatch:
    """Samples of one of these types, and of one of these super types; an empty set asks for nothing."""

    rank: ClassVar[int] = 1
    types: frozenset[str]
    super_types: frozenset[str]

    def holds(self, facts: Facts) -> bool:
        if not (facts.type or facts.super_type):
            return False
        return (not self.types or facts.type in self.types) and (
            not self.super_types or facts.super_type in self.super_types
        )

    def claims(self) -> frozenset[Hashable]:
        pairs = product(self.types or {None}, self.super_types or {None})
        return frozenset(("classification", *pair) for pair in pairs)


@dataclass(frozen=True, slots=True)
class SubmissionMatch:
    """Submissions whose metadata has one of these values under one of these keys."""

    rank: ClassVar[int] = 2
    keys: frozenset[str]
    values: frozenset[str]

    def holds(self, facts: Facts) -> bool:
        return any(facts.meta_data.get(key) in self.values for key in self.keys)

    def claims(self) -> frozenset[Hashable]:
        return frozenset(("submission", *pair) for pair in product(self.keys, self.values))


#: A rule's one clause.
Match = CustomerMatch | ClassificationMatch | SubmissionMatch


@dataclass(frozen=True, slots=True)
class WorkersChange:
    """What a rule does to the workers: ``set`` first, then ``remove``, then ``add``."""

    set: tuple[UUID, ...] = ()
    remove: frozenset[UUID] = frozenset()
    add: tuple[UUID, ...] = ()

    def apply(self, workers: Sequence[UUID]) -> list[UUID]:
        kept = [each for each in self.set or workers if each not in self.remove]
        return list(dict.fromkeys([*kept, *self.add]))


@dataclass(frozen=True, slots=True)
class OptionsChange:
    """What a rule does to the options: ``set`` first, then ``remove`` by key, then ``add``."""

    set: Mapping[str, str] = field(default_factory=dict)
    remove: frozenset[str] = frozenset()
    add: Mapping[str, str] = field(default_factory=dict)

    def apply(self, options: Mapping[str, str]) -> dict[str, str]:
        start = self.set or options
        return {key: value for key, value in start.items() if key not in self.remove} | dict(self.add)


@dataclass(frozen=True, slots=True)
class Rule:
    """What overrides the default policy where its clause holds."""

    match: Match
    workers: WorkersChange = WorkersChange()
    options: OptionsChange = OptionsChange()


@dataclass(frozen=True, slots=True)
class DefaultPolicy:
    """What every job gets where no rule says otherwise; the workers in order."""

    workers: Sequence[UUID] = ()
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Selection:
    """The workers of a job, in order, each once; and its options."""

    workers: list[UUID]
    options: dict[str, str]


def evaluate(policy: DefaultPolicy, rules: Iterable[Rule], facts: Facts) -> Selection:
    """Apply the rules that hold to the default policy.

    ``rules`` come in the order of their making; those about customers go first, then those about
    classifications, then those about submissions. An added option replaces the one of the same key.
    """
    workers, options = list(dict.fromkeys(policy.workers)), dict(policy.options)
    for rule in sorted(rules, key=lambda each: each.match.rank):
        if rule.match.holds(facts):
            workers = rule.workers.apply(workers)
            options = rule.options.apply(options)
    return Selection(workers, options)


def parse_rule(match: Mapping[str, Any], action: Mapping[str, Any]) -> Rule:
    """A rule as the store keeps it: the wire's shape, with customers and workers by their ids."""
    workers, options = action.get("workers") or {}, action.get("options") or {}
    return Rule(
        parse_match(match),
        WorkersChange(
            set=_ids(workers.get("set")),
            remove=frozenset(_ids(workers.get("remove"))),
            add=_ids(workers.get("add")),
        ),
        OptionsChange(
            set=parse_options(options.get("set")),
            remove=frozenset(options.get("remove") or ()),
            add=parse_options(options.get("add")),
        ),
    )


def parse_match(match: Mapping[str, Any]) -> Match:
    """A rule's clause as the store keeps it."""
    if customer := match.get("customer"):
        return CustomerMatch(frozenset(customer["customer"]))
    if classification := match.get("classification"):
        return ClassificationMatch(
            frozenset(classification.get("type") or ()), frozenset(classification.get("superType") or ())
        )
    submission = match["submission"]
    return SubmissionMatch(frozenset(submission["metaDataKey"]), frozenset(submission["metaDataValue"]))


def parse_options(options: Iterable[Mapping[str, str]] | None) -> dict[str, str]:
    """Options as the wire lists them: ``[{"key": …, "value": …}]``."""
    return {each["key"]: each["value"] for each in options or ()}


def _ids(values: Iterable[str] | None) -> tuple[UUID, ...]:
    return tuple(UUID(each) for each in values or ())
