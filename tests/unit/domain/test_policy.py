"""The default policy and its rules, evaluated (contract section 10.1)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.policy import (
    ClassificationMatch,
    CustomerMatch,
    DefaultPolicy,
    Facts,
    OptionsChange,
    Rule,
    SubmissionMatch,
    WorkersChange,
    evaluate,
    parse_match,
    parse_rule,
)

A, B, C, D = (UUID(int=number) for number in range(1, 5))
DEFAULT = DefaultPolicy([A, B], {"net": "no", "depth": "1"})
EXE = Facts(customer_id=1, meta_data={"source": "mail"}, type="pe", super_type="executable")

EVERY_EXE = ClassificationMatch(frozenset(), frozenset({"executable"}))
FROM_MAIL = SubmissionMatch(frozenset({"source"}), frozenset({"mail"}))
CUSTOMER_1 = CustomerMatch(frozenset({1}))


def test_without_rules_the_default_policy_stands() -> None:
    selection = evaluate(DEFAULT, [], EXE)
    assert (selection.workers, selection.options) == ([A, B], {"net": "no", "depth": "1"})


@pytest.mark.parametrize(
    ("match", "facts", "holds"),
    [
        (CUSTOMER_1, Facts(1), True),
        (CUSTOMER_1, Facts(2), False),
        (CustomerMatch(frozenset({1, 2})), Facts(2), True),
        (ClassificationMatch(frozenset({"pe", "elf"}), frozenset()), EXE, True),
        (ClassificationMatch(frozenset({"pdf"}), frozenset({"executable"})), EXE, False),
        (ClassificationMatch(frozenset({"pe"}), frozenset({"document"})), EXE, False),
        (ClassificationMatch(frozenset({"pe"}), frozenset({"executable"})), EXE, True),
        (EVERY_EXE, Facts(1), False),
        (FROM_MAIL, EXE, True),
        (FROM_MAIL, Facts(1, {"source": "web"}), False),
        (FROM_MAIL, Facts(1, {"other": "mail"}), False),
        (SubmissionMatch(frozenset({"x", "source"}), frozenset({"mail", "web"})), EXE, True),
        (SubmissionMatch(frozenset({"x"}), frozenset({""})), Facts(1), False),
    ],
)
def test_a_clause_holds_for_its_facts_alone(match: Any, facts: Facts, holds: bool) -> None:
    assert match.holds(facts) is holds


def test_set_goes_first_then_remove_then_add() -> None:
    workers = WorkersChange(set=(B, C, D), remove=frozenset({C, A}), add=(A, B))
    options = OptionsChange(set={"x": "1", "y": "2"}, remove=frozenset({"y"}), add={"x": "3", "z": "4"})
    selection = evaluate(DEFAULT, [Rule(CUSTOMER_1, workers, options)], EXE)
    assert selection.workers == [B, D, A]
    assert selection.options == {"x": "3", "z": "4"}


def test_a_worker_that_is_there_already_keeps_its_place() -> None:
    assert evaluate(DEFAULT, [Rule(CUSTOMER_1, WorkersChange(add=(C, A)))], EXE).workers == [A, B, C]


def test_kinds_of_clause_have_an_order_and_within_one_the_older_goes_first() -> None:
    rules = [
        Rule(FROM_MAIL, WorkersChange(remove=frozenset({C})), OptionsChange(add={"by": "submission"})),
        Rule(EVERY_EXE, WorkersChange(add=(C, D)), OptionsChange(add={"by": "class", "old": "1"})),
        Rule(EVERY_EXE, options=OptionsChange(add={"old": "2"})),
        Rule(CUSTOMER_1, WorkersChange(set=(C,))),
    ]
    selection = evaluate(DEFAULT, rules, EXE)
    assert selection.workers == [D]
    assert (selection.options["by"], selection.options["old"]) == ("submission", "2")


def test_claims_overlap_where_a_job_could_be_meant_twice_in_the_same_words() -> None:
    both = ClassificationMatch(frozenset({"pe"}), frozenset({"executable"}))
    assert both.claims() & ClassificationMatch(frozenset({"pe", "x"}), frozenset({"executable"})).claims()
    assert not both.claims() & ClassificationMatch(frozenset({"pe"}), frozenset()).claims()
    assert not both.claims() & EVERY_EXE.claims()
    crossed = SubmissionMatch(frozenset({"a", "b"}), frozenset({"1"})).claims()
    assert crossed & SubmissionMatch(frozenset({"b"}), frozenset({"1", "2"})).claims()
    assert not crossed & SubmissionMatch(frozenset({"a"}), frozenset({"2"})).claims()


def test_a_stored_rule_reads_back() -> None:
    action = {
        "workers": {"set": [str(A)], "add": [str(B)], "remove": [str(C)]},
        "options": {
            "set": [{"key": "k", "value": "v"}],
            "add": [{"key": "l", "value": "w"}],
            "remove": ["m"],
        },
    }
    rule = parse_rule({"customer": {"customer": [1, 2]}}, action)
    assert rule == Rule(
        CustomerMatch(frozenset({1, 2})),
        WorkersChange((A,), frozenset({C}), (B,)),
        OptionsChange({"k": "v"}, frozenset({"m"}), {"l": "w"}),
    )
    assert parse_match({"classification": {"superType": ["executable"]}}) == EVERY_EXE
    assert parse_match({"submission": {"metaDataKey": ["source"], "metaDataValue": ["mail"]}}) == FROM_MAIL


ids = st.sampled_from([A, B, C, D])
keys = st.sampled_from("abc")
maps = st.dictionaries(keys, keys)
matches = st.one_of(
    st.builds(CustomerMatch, st.frozensets(st.integers(1, 3), min_size=1)),
    st.builds(ClassificationMatch, st.frozensets(keys), st.frozensets(keys)),
    st.builds(SubmissionMatch, st.frozensets(keys, min_size=1), st.frozensets(keys, min_size=1)),
)
changes = st.builds(WorkersChange, st.lists(ids).map(tuple), st.frozensets(ids), st.lists(ids).map(tuple))
rules_ = st.builds(Rule, matches, changes, st.builds(OptionsChange, maps, st.frozensets(keys), maps))
policies = st.builds(DefaultPolicy, st.lists(ids), maps)
facts_ = st.builds(
    Facts, st.integers(1, 3), maps, st.sampled_from(["", "a", "b"]), st.sampled_from(["", "c"])
)


@given(policies, st.lists(rules_, max_size=6), facts_)
def test_rules_that_do_not_hold_change_nothing_and_no_worker_comes_twice(
    policy: DefaultPolicy, rules: list[Rule], facts: Facts
) -> None:
    selection = evaluate(policy, rules, facts)
    assert len(set(selection.workers)) == len(selection.workers)
    holding = [rule for rule in rules if rule.match.holds(facts)]
    assert evaluate(policy, holding, facts) == selection
    named = {*policy.workers, *(each for rule in holding for each in (*rule.workers.set, *rule.workers.add))}
    assert set(selection.workers) <= named


@given(policies, st.lists(rules_, max_size=6), facts_)
def test_the_last_rule_that_holds_has_the_last_word(
    policy: DefaultPolicy, rules: list[Rule], facts: Facts
) -> None:
    selection = evaluate(policy, rules, facts)
    holding = sorted((rule for rule in rules if rule.match.holds(facts)), key=lambda rule: rule.match.rank)
    if holding:
        last = holding[-1]
        assert set(last.workers.add) <= set(selection.workers)
        assert not (last.workers.remove - set(last.workers.add)) & set(selection.workers)
        assert last.options.add.items() <= selection.options.items()
        assert not (last.options.remove - set(last.options.add)) & set(selection.options)


@given(matches, matches, st.integers(1, 3), keys, keys)
def test_two_clauses_that_hold_for_the_same_customer_or_metadatum_share_a_claim(
    one: Any, other: Any, customer: int, key: str, value: str
) -> None:
    facts = Facts(customer, {key: value})
    if type(one) is type(other) and one.holds(facts) and other.holds(facts):
        assert one.claims() & other.claims()
    assert one.claims() & one.claims() == one.claims() != frozenset()
