"""Strings: what can be read in the file, and the indicators among it."""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import BaseModel

from orchestrator.worker import Evidence, Findings, Limits, Sample, analysis_worker
from workers._indicators import Indicator, find_indicators
from workers._text import Text, clip

_STRING_LIMIT = 1_000
_LENGTH_LIMIT = 300
_SCANNED = 64 << 20
_TEXT_SIZE = 3 << 20

_ASCII = re.compile(rb"[\x20-\x7e\t]{6,4096}")
_UTF16 = re.compile(rb"(?:[\x20-\x7e\t]\x00){6,4096}")


class Strings(BaseModel):
    """Distinct runs of six printable characters or more, in the order of the file.

    ``strings`` holds the first thousand; the evidence ``strings.txt`` holds more. ``truncated`` says that
    not the whole file was read.
    """

    ascii_count: int
    utf16_count: int
    strings: list[Text]
    indicators: list[Indicator]
    truncated: bool


@analysis_worker("strings", version="1.0", result=Strings, limits=Limits(seconds=120, cpu_seconds=120))
def strings(sample: Sample) -> Findings:
    """Printable runs, ASCII and UTF-16, and the indicators in them, defanged.

    Never a score: that an address is named in a file says nothing about who wrote it.
    """
    narrow, wide = _runs(sample.path, _ASCII), _runs(sample.path, _UTF16)
    both = _bounded(narrow, _TEXT_SIZE) + _bounded((run.replace("\0", "") for run in wide), _TEXT_SIZE)
    texts = list(dict.fromkeys(both))
    evidence = sample.scratch / "strings.txt"
    evidence.write_text("\n".join(texts))
    result = Strings(
        ascii_count=len(narrow),
        utf16_count=len(wide),
        strings=[text[:_LENGTH_LIMIT] for text in clip(texts, _STRING_LIMIT)],
        indicators=find_indicators("\n".join(texts)),
        truncated=sample.size > _SCANNED,
    )
    more = [Evidence(evidence, "strings.txt", "text/plain")] if len(texts) > _STRING_LIMIT else []
    return Findings(result=result, evidence=more)


def _runs(path: Path, pattern: re.Pattern[bytes]) -> list[str]:
    if path.stat().st_size == 0:  # an empty file cannot be mapped
        return []
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return [match[0].decode("ascii") for match in pattern.finditer(content, 0, _SCANNED)]


def _bounded(texts: Iterable[str], limit: int) -> list[str]:
    """Distinct texts, in order, as many as fit into ``limit`` characters."""

    def fitting() -> Iterator[str]:
        room = limit
        for text in dict.fromkeys(texts):
            room -= len(text) + 1
            if room < 0:
                return
            yield text

    return list(fitting())
