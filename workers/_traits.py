"""What a worker noticed about a file, and the score that it makes together."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable

from pydantic import BaseModel

from orchestrator.worker import MAX_SCORE, NO_FINDINGS, Assessment, Detection
from workers._text import Text

#: Entropy, in bits per byte, above which code has been compressed or encrypted.
PACKED = 7.2

_MALICIOUS = 70


class Trait(BaseModel):
    """One thing noticed: ``weight`` is what it adds to the score, ``detail`` where it was seen."""

    name: str
    weight: int
    detail: Text = ""


def score(traits: Iterable[Trait], limit: int = MAX_SCORE) -> int:
    """The sum of the weights up to ``limit``, each name counted once; no weight is no score."""
    return min(sum({trait.name: trait.weight for trait in traits}.values()), limit) or NO_FINDINGS


def detections(traits: Iterable[Trait]) -> list[Detection]:
    """A detection for each distinct trait that has a weight."""
    weights = {trait.name: trait.weight for trait in traits if trait.weight}
    return [Detection(name, _assess(weight)) for name, weight in weights.items()]


def entropy(content: Iterable[int]) -> float:
    """Shannon entropy in bits per byte, 0…8, of bytes or of a histogram of them."""
    histogram = content if isinstance(content, Counter) else Counter(content)
    total = histogram.total()
    return round(-sum(n / total * math.log2(n / total) for n in histogram.values() if n) + 0.0, 4)


def _assess(weight: int) -> Assessment:
    return "malicious" if weight >= _MALICIOUS else "unknown"
