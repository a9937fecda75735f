"""The verdict: what the analyses of a job say together (contract section 8). The formula's only place.

1. **Opinions.** An analysis with a score of 0 … 100 has an opinion, one with -1 (no findings) has none.
2. **Mean.** The score is the mean of the opinions, rounded half up. An opinion of score *s* weighs
   ``10 + s``: one worker that is certain (100) weighs as much as eleven that only saw nothing wrong (0),
   so that it is not outvoted by those that look elsewhere. No opinion at all: -1.
3. **Children.** What holds a malicious file is itself malicious: where a file that was extracted from
   the sample has a higher verdict than the mean, the score is that of the worst such child. Verdicts of
   children include those of their own children.
4. **Overrides** stand above both: ``malicious`` makes the score 100, ``benign`` 0. A manual verdict's
   override wins; without one, the analyses' overrides count if they agree. Where they contradict each
   other there is no override, and the verdict is flagged.

``impact`` is an opinion's share of the weight in percent; the impacts add up to 100. ``difference`` is
the analysis' score minus the verdict's. Both are None for an analysis without an opinion.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from orchestrator.domain.vocabulary import StatusOverride

NO_FINDINGS = -1
_SCORE_OF = {StatusOverride.malicious: 100, StatusOverride.benign: 0}
#: The weight of an opinion of score 0.
_LEAST_WEIGHT = 10


@dataclass(frozen=True, slots=True)
class Opinion:
    """What the engine needs of an analysis. Tags and detections are as the store keeps them."""

    id: UUID
    score: int
    user_agent_name: str
    user_agent_version: str
    override: StatusOverride | None = None
    possible_detections: int | None = None
    tags: Sequence[Mapping[str, str]] = ()
    detections: Sequence[Mapping[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict as it is stored; ``analyses`` and ``tags`` are plain JSON."""

    score: int
    status_override: StatusOverride | None
    contradicting: bool
    triggered_detections: int
    tags: list[dict[str, Any]]
    analyses: list[dict[str, Any]]


def score_of(override: StatusOverride) -> int:
    """The score that a status stands for."""
    return _SCORE_OF[override]


def judge(
    opinions: Sequence[Opinion], manual: StatusOverride | None = None, children: Iterable[int] = ()
) -> Judgement:
    """The verdict over these analyses, under the last manual verdict's status and the children's scores."""
    overrides = {each.override for each in opinions if each.override is not None}
    override = manual or (next(iter(overrides)) if len(overrides) == 1 else None)
    weights = {each.id: _LEAST_WEIGHT + each.score for each in opinions if each.score >= 0}
    score = score_of(override) if override else max([_mean(opinions), *children])
    impacts = _impacts(weights)
    return Judgement(
        score=score,
        status_override=override,
        contradicting=override is None and len(overrides) > 1,
        triggered_detections=sum(len(_unique(each.detections)) for each in opinions),
        tags=_tags(opinions),
        analyses=[_used(each, impacts.get(each.id), score) for each in opinions],
    )


def _mean(opinions: Sequence[Opinion]) -> int:
    scores = [each.score for each in opinions if each.score >= 0]
    if not scores:
        return NO_FINDINGS
    total = sum(_LEAST_WEIGHT + score for score in scores)
    weighed = sum((_LEAST_WEIGHT + score) * score for score in scores)
    return (2 * weighed + total) // (2 * total)


def _impacts(weights: Mapping[UUID, int]) -> dict[UUID, int]:
    """Each weight's share in percent; what rounding down loses goes to the largest remainders."""
    total = sum(weights.values())
    shares = {key: divmod(100 * weight, total) for key, weight in weights.items()}
    missing = 100 - sum(whole for whole, _ in shares.values())
    rounded_up = sorted(shares, key=lambda key: shares[key][1], reverse=True)[:missing]
    return {key: whole + (key in rounded_up) for key, (whole, _) in shares.items()}


def _tags(opinions: Sequence[Opinion]) -> list[dict[str, Any]]:
    """The union of the tags, the most frequent first; ``count`` is the number of analyses that gave it."""
    counts: Counter[tuple[str, str]] = Counter()
    for each in opinions:
        counts.update({(tag["type"], tag["value"]) for tag in each.tags})
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [{"type": kind, "value": value, "count": count} for (kind, value), count in ordered]


def _used(opinion: Opinion, impact: int | None, score: int) -> dict[str, Any]:
    return {
        "id": str(opinion.id),
        "score": opinion.score,
        "impact": impact,
        "difference": None if impact is None else opinion.score - score,
        "user_agent_name": opinion.user_agent_name,
        "user_agent_version": opinion.user_agent_version,
        "possible_detections": opinion.possible_detections,
        "tags": _unique(opinion.tags),
        "detections": _unique(opinion.detections),
    }


def _unique(rows: Iterable[Mapping[str, str]]) -> list[dict[str, str]]:
    return list({tuple(sorted(row.items())): dict(row) for row in rows}.values())
