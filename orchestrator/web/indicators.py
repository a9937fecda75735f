"""The indicators of a sample: what its analyses list as such, each once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from orchestrator.store.tables import Analysis

#: How many of a sample are shown; the rest is in the results.
_MOST = 300
_LONGEST = 500


@dataclass(slots=True)
class Indicator:
    """An address, a name, … as the worker wrote it, and who found it."""

    kind: str
    value: str
    workers: list[str] = field(default_factory=list)


def gather(rows: Iterable[Analysis]) -> list[Indicator]:
    """What stands under ``indicators`` in the results, as ``kind`` and ``value``, by kind."""
    found: dict[tuple[str, str], Indicator] = {}
    for row in rows:
        listed = row.result.get("indicators") if isinstance(row.result, Mapping) else None
        for each in listed if isinstance(listed, list) else ():
            if isinstance(each, Mapping) and isinstance(each.get("value"), str):
                key = str(each.get("kind", "")), each["value"][:_LONGEST]
                one = found.setdefault(key, Indicator(*key))
                if row.user_agent_name not in one.workers:
                    one.workers.append(row.user_agent_name)
    return sorted(found.values(), key=lambda each: each.kind)[:_MOST]
