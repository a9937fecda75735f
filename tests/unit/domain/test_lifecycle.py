"""The state machine of a job task (contract section 3.3)."""

from __future__ import annotations

from itertools import product

import pytest

from orchestrator.domain.lifecycle import (
    CLIENT_TARGETS,
    FINAL,
    INITIAL,
    OPEN,
    TRANSITIONS,
    Actor,
    IllegalTransition,
    advance,
    sources,
)
from orchestrator.domain.vocabulary import JobTaskState as S

EVERY = list(product(S, S, Actor))


@pytest.mark.parametrize(("source", "target", "actor"), EVERY)
def test_advance_and_sources_tell_the_same(source: S, target: S, actor: Actor) -> None:
    if source in sources(target, actor):
        assert advance(source, target, actor) is target
    else:
        with pytest.raises(IllegalTransition) as refusal:
            advance(source, target, actor)
        assert (refusal.value.source, refusal.value.target) == (source, target)


@pytest.mark.parametrize("source", sorted(FINAL))
def test_nothing_leaves_a_final_state(source: S) -> None:
    assert not [move for move in TRANSITIONS if move[0] is source]


def test_states_are_open_or_final() -> None:
    assert set(S) == OPEN | FINAL
    assert not OPEN & FINAL


def test_a_client_may_do_what_the_contract_says_and_no_more() -> None:
    allowed = {move for move, actors in TRANSITIONS.items() if Actor.client in actors}
    assert allowed == {
        (S.enqueued, S.executing),
        (S.enqueued, S.success),
        (S.enqueued, S.failed),
        (S.enqueued, S.cancelled),
        (S.executing, S.executing),
        (S.executing, S.success),
        (S.executing, S.failed),
        (S.executing, S.cancelled),
    }
    assert {target for _, target in allowed} == CLIENT_TARGETS
    assert {S.enqueued} | CLIENT_TARGETS == INITIAL


def test_only_a_deadline_or_a_worker_times_a_job_task_out() -> None:
    for source in OPEN:
        assert TRANSITIONS[source, S.timeout] == {Actor.deadline, Actor.recorder}


def test_only_a_retry_or_a_lost_worker_sends_a_job_task_back() -> None:
    back = {actor for (_, target), actors in TRANSITIONS.items() if target is S.enqueued for actor in actors}
    assert back == {Actor.recorder, Actor.lost}
