"""Metadata: what exiftool reads out of documents, pictures and media."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel

from orchestrator.worker import Fact, Findings, NothingForMe, Sample, analysis_worker
from workers import _tools
from workers._text import Text, clean, clip

_EXIFTOOL = _tools.require("exiftool")
_SECONDS = 50
_TAG_LIMIT = 500
#: Groups about the file as it lies here, which say nothing of the sample.
_OURS = frozenset({"System", "ExifTool", "SourceFile"})
_FACTS = ("Author", "Creator", "Producer", "LastModifiedBy", "Software", "Company", "Make", "Model")


class Metadata(BaseModel):
    """Tags by group, as exiftool names both; ``gps`` where a place is stated."""

    tags: dict[str, dict[str, Text]]
    gps: Text
    warnings: list[Text]


@analysis_worker(
    "metadata", version="1.0", accepts={"document", "image", "audio", "video", "lnk", "swf"}, result=Metadata
)
def metadata(sample: Sample) -> Findings:
    """Author, program, dates, place and every other tag that exiftool knows.

    Never a score: what a file says about itself is written by whoever made it.
    """
    command = [_EXIFTOOL, "-config", "", "-json", "-G1", "-m", "-fast", "-c", "%+.5f", str(sample.path)]
    output = _tools.run(command, sample.scratch, seconds=_SECONDS)
    found = _parsed(output.text)
    problems = [value for key, value in found.items() if key.endswith((":Warning", ":Error"))]
    tags: dict[str, dict[str, Any]] = {}
    for key, value in clip(found.items(), _TAG_LIMIT):
        group, _, name = clean(key, 200).partition(":")
        if group not in _OURS:
            tags.setdefault(group, {})[name] = value
    if not tags:
        reason = clean(problems[0], 200) if problems else "unknown format"
        raise NothingForMe(f"exiftool finds no metadata: {reason}")
    place = next((value for key, value in found.items() if key.endswith(":GPSPosition")), "")
    named = {name: value for group in tags.values() for name, value in group.items() if name in _FACTS}
    facts = [Fact(f"metadata{name}", clean(value, 300)) for name, value in named.items()]
    return Findings(result=Metadata(tags=tags, gps=place, warnings=problems), facts=facts)


def _parsed(text: str) -> dict[str, Any]:
    start = text.find("[{")
    try:
        return dict(json.loads(text[start:])[0]) if start >= 0 else {}
    except ValueError:
        return {}
