"""What the forms read out of a record, as ``GET /sample/{sha256}/export`` gives it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from orchestrator.domain.vocabulary import MALICIOUS, SUSPICIOUS, Tlp

#: Of all ids that are made from what they stand for.
NAMESPACE = UUID("9e2a3f4e-50b2-5c0a-8f0e-3d1b6f2c7a11")

_ORDER = (Tlp.red, Tlp.amber, Tlp.green, Tlp.clear)


class Observable(NamedTuple):
    """Something that the sample's text names; ``value`` is as it was, no longer defanged."""

    kind: str
    value: str


def identity(*parts: str) -> UUID:
    """The same for the same parts."""
    return uuid5(NAMESPACE, "\x1f".join(parts))


def moment(milliseconds: int | None) -> datetime:
    return datetime.fromtimestamp((milliseconds or 0) / 1000, UTC)


def strictest(record: Mapping[str, Any]) -> Tlp:
    """The label of the whole: none of its parts may go further than its own allows."""
    labels = {each["tlp"] for each in (*record["submissions"], *record["analyses"])}
    return next((label for label in _ORDER if label.value in labels), Tlp.amber)


def judgement(score: int, override: str | None = None) -> str:
    """``malicious``, ``suspicious``, ``benign`` or ``unknown``; no low score says that a file is harmless."""
    if override is not None:
        return override
    return "malicious" if score >= MALICIOUS else "suspicious" if score >= SUSPICIOUS else "unknown"


def verdict(record: Mapping[str, Any]) -> str:
    """The judgement over the sample."""
    latest = record["sample"].get("latestVerdict")
    return judgement(latest["score"], latest.get("statusOverride")) if latest else "unknown"


def file_name(record: Mapping[str, Any]) -> str | None:
    """What the sample was first submitted as."""
    submitted = record["submissions"]
    return submitted[-1]["fileName"] if submitted else None


def observables(record: Mapping[str, Any]) -> list[Observable]:
    """The addresses that analyses found in the sample, each once, in order."""
    found = {each: None for analysis in record["analyses"] for each in _observables(analysis)}
    return list(found)


def _observables(analysis: Mapping[str, Any]) -> Iterator[Observable]:
    result = analysis.get("analysisResult")
    indicators = result.get("indicators") if isinstance(result, dict) else None
    for each in indicators if isinstance(indicators, list) else ():
        if (
            isinstance(each, dict)
            and isinstance(each.get("value"), str)
            and isinstance(each.get("kind"), str)
        ):
            yield Observable(each["kind"], refang(each["value"]))


def refang(value: str) -> str:
    """What was defanged, as it was; for exchange between machines alone."""
    for written, meant in (("hxxp", "http"), ("fxp", "ftp")):
        if value.lower().startswith(written):
            value = meant + value[len(written) :]
    return value.replace("[.]", ".").replace("[@]", "@")
