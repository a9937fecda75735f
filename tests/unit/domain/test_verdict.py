"""The verdict's formula (contract section 8)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.verdict import NO_FINDINGS, Judgement, Opinion, judge, score_of
from orchestrator.domain.vocabulary import StatusOverride

MALICIOUS, BENIGN = StatusOverride.malicious, StatusOverride.benign


def opinion(number: int, score: int, **fields: Any) -> Opinion:
    return Opinion(UUID(int=number), score, f"worker-{number}", "1.0", **fields)


def of(*scores: int, **options: Any) -> Judgement:
    return judge([opinion(number, score) for number, score in enumerate(scores)], **options)


def impacts(judgement: Judgement) -> list[int | None]:
    return [used["impact"] for used in judgement.analyses]


scores = st.lists(st.integers(-1, 100), max_size=30)


@pytest.mark.parametrize("score", [0, 1, 49, 50, 99, 100])
def test_one_opinion_is_the_verdict(score: int) -> None:
    """It has all of the impact, and no difference."""
    judgement = of(score)
    (used,) = judgement.analyses
    assert (judgement.score, used["impact"], used["difference"]) == (score, 100, 0)


@pytest.mark.parametrize("given_scores", [(), (-1,), (-1, -1)])
def test_without_an_opinion_there_are_no_findings(given_scores: tuple[int, ...]) -> None:
    judgement = of(*given_scores)
    assert judgement.score == NO_FINDINGS
    assert all(used["impact"] is None and used["difference"] is None for used in judgement.analyses)
    assert len(judgement.analyses) == len(given_scores)


def test_no_findings_weigh_nothing() -> None:
    judgement = of(-1, 60)
    assert judgement.score == 60
    assert impacts(judgement) == [None, 100]
    assert [used["difference"] for used in judgement.analyses] == [None, 0]


@pytest.mark.parametrize(
    ("given_scores", "score"),
    [
        # (10 * 0 + 110 * 100) / 120 = 91.7
        ((0, 100), 92),
        # eleven that saw nothing wrong outweigh one that is certain: 11000 / 220
        ((100, *[0] * 11), 50),
        # (30 * 20 + 2 * 90 * 80) / 210 = 71.4
        ((20, 80, 80), 71),
        # (10 * 0 + 11 * 1) / 21 = 0.52
        ((0, 1), 1),
        # (60 * 50 + 70 * 60) / 130 = 55.4
        ((50, 60), 55),
        ((50, 50, 50), 50),
    ],
)
def test_the_mean_is_weighted_by_ten_plus_the_score(given_scores: tuple[int, ...], score: int) -> None:
    assert of(*given_scores).score == score


@pytest.mark.parametrize(("given_scores", "score"), [((0, 60), 53), ((2, 42), 35), ((0, 2, 80), 65)])
def test_a_half_is_rounded_up(given_scores: tuple[int, ...], score: int) -> None:
    """The means are 52.5, 34.5 and 64.5: to the even number would be another one."""
    assert of(*given_scores).score == score


@given(scores)
def test_the_verdict_lies_between_the_opinions(given_scores: list[int]) -> None:
    opinions = [score for score in given_scores if score >= 0]
    judged = of(*given_scores)
    if opinions:
        assert min(opinions) <= judged.score <= max(opinions)
        assert judged.score >= round(sum(opinions) / len(opinions)) - 1
    else:
        assert judged.score == NO_FINDINGS


@given(scores)
def test_impacts_add_up_to_a_hundred(given_scores: list[int]) -> None:
    judged = of(*given_scores)
    given_impacts = [impact for impact in impacts(judged) if impact is not None]
    assert sum(given_impacts) == (100 if given_impacts else 0)
    assert all(0 <= impact <= 100 for impact in given_impacts)
    for used in judged.analyses:
        if used["impact"] is not None:
            assert used["difference"] == used["score"] - judged.score
            assert -100 <= used["difference"] <= 100


@given(scores)
def test_the_order_of_analyses_does_not_matter(given_scores: list[int]) -> None:
    assert of(*given_scores).score == of(*reversed(given_scores)).score


def test_a_higher_opinion_has_more_impact() -> None:
    low, high = impacts(of(10, 90))
    assert low is not None
    assert high is not None
    assert low < high


@pytest.mark.parametrize(("override", "score"), [(MALICIOUS, 100), (BENIGN, 0)])
def test_an_override_decides(override: StatusOverride, score: int) -> None:
    judged = judge([opinion(1, 40, override=override), opinion(2, 60)])
    assert (judged.score, judged.status_override, judged.contradicting) == (score, override, False)
    assert [used["difference"] for used in judged.analyses] == [40 - score, 60 - score]
    assert score_of(override) == score


def test_an_override_counts_without_a_score() -> None:
    judged = judge([opinion(1, -1, override=MALICIOUS)])
    assert (judged.score, judged.status_override) == (100, MALICIOUS)
    assert impacts(judged) == [None]


def test_agreeing_overrides_are_one() -> None:
    judged = judge([opinion(1, 1, override=BENIGN), opinion(2, 2, override=BENIGN)])
    assert (judged.status_override, judged.contradicting) == (BENIGN, False)


def test_contradicting_overrides_cancel_each_other() -> None:
    """The score is then that of the opinions, and the verdict is flagged."""
    judged = judge([opinion(1, 90, override=MALICIOUS), opinion(2, 10, override=BENIGN)])
    assert (judged.status_override, judged.contradicting) == (None, True)
    assert judged.score == of(90, 10).score


@pytest.mark.parametrize("manual", [MALICIOUS, BENIGN])
def test_a_manual_verdict_stands_above_all(manual: StatusOverride) -> None:
    opinions = [opinion(1, 50, override=MALICIOUS), opinion(2, 50, override=BENIGN)]
    judged = judge(opinions, manual, children=[70])
    assert (judged.score, judged.status_override, judged.contradicting) == (score_of(manual), manual, False)


@pytest.mark.parametrize(
    ("own", "children", "score"),
    [
        ([20], [90, 10], 90),
        ([95], [90], 95),
        ([], [-1], -1),
        ([], [-1, 0], 0),
        ([-1], [64], 64),
        ([5], [], 5),
    ],
)
def test_the_worst_child_counts(own: list[int], children: list[int], score: int) -> None:
    """What holds a malicious file is malicious itself."""
    assert of(*own, children=children).score == score


def test_a_benign_override_stands_above_the_children() -> None:
    assert judge([opinion(1, 5, override=BENIGN)], children=[100]).score == 0


def test_tags_are_united_and_counted_per_analysis() -> None:
    emotet, packed = {"type": "family", "value": "emotet"}, {"type": "behaviour", "value": "packed"}
    judged = judge(
        [
            opinion(1, 1, tags=[emotet, emotet]),
            opinion(2, 1, tags=[packed, emotet]),
            opinion(3, -1, tags=[packed]),
        ]
    )
    assert judged.tags == [{**packed, "count": 2}, {**emotet, "count": 2}]
    assert judged.analyses[1]["tags"] == [packed, emotet]


def test_detections_are_counted_and_kept() -> None:
    detection = {"name": "x", "assessment": "malicious"}
    judged = judge([opinion(1, 1, detections=[detection, detection]), opinion(2, 1, detections=[detection])])
    assert judged.triggered_detections == 2
    assert judged.analyses[0]["detections"] == [detection]


def test_what_is_kept_of_an_analysis() -> None:
    (used,) = judge([opinion(7, 30, possible_detections=12)]).analyses
    assert used == {
        "id": str(UUID(int=7)),
        "score": 30,
        "impact": 100,
        "difference": 0,
        "user_agent_name": "worker-7",
        "user_agent_version": "1.0",
        "possible_detections": 12,
        "tags": [],
        "detections": [],
    }
