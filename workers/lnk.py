"""Shortcut: what a Windows shortcut starts, with which arguments, and what is hidden behind it."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from typing import Any

import LnkParse3
from pydantic import BaseModel

from orchestrator.worker import Child, Fact, Findings, Sample, analysis_worker
from workers._commands import command_traits
from workers._indicators import Indicator, find_indicators
from workers._text import Text, clean
from workers._traits import Trait, detections, score

_LIMIT = 90
_READ_LIMIT = 32 << 20
_PADDING = re.compile(r"\s{40,}")
_DOCUMENT_ICON = re.compile(
    r"\.(pdf|docx?|xlsx?|txt|jpe?g)$|(winword|excel|acrord32|notepad)\.exe", re.IGNORECASE
)
_MINIMISED = "SW_SHOWMINNOACTIVE"
_APPENDED = 1024


class Shortcut(BaseModel):
    """``command`` is target and arguments as Windows would run them; ``appended`` in bytes."""

    target: Text
    arguments: Text
    command: Text
    working_folder: Text
    icon: Text
    description: Text
    window: Text
    created: Text
    modified: Text
    machine: Text
    volume: Text
    appended: int
    indicators: list[Indicator]
    traits: list[Trait]


@analysis_worker("lnk", version="1.0", accepts={"lnk"}, result=Shortcut, preload=("LnkParse3",))
def lnk(sample: Sample) -> Findings:
    """Target, arguments, icon, origin and appended data of a Windows shortcut.

    The score adds up what its command line does (starting interpreters, fetching, hiding) and how it
    deceives, to 90 at most. A shortcut to a program or document is no score.
    """
    with sample.path.open("rb") as file:
        content = file.read(_READ_LIMIT)
    try:
        with warnings.catch_warnings(action="ignore"):  # each oddity of a broken shortcut is one
            parsed = LnkParse3.lnk_file(indata=content, allow_terminal_blocks=False)
            about = parsed.get_json(get_all=True)
    except Exception as error:  # the parser meets broken structures with any exception
        raise ValueError(f"the shortcut is broken: {type(error).__name__}: {clean(error, 200)}") from error
    appended = content[parsed.size :]
    result = _result(about, len(appended))
    result.traits += command_traits(result.command)
    result.traits += _deceptions(result, appended)
    children = []
    if len(appended) > _APPENDED:
        path = sample.scratch / "appended"
        path.write_bytes(appended)
        children.append(Child(path, "appended"))
    return Findings(
        score=score(result.traits, _LIMIT),
        result=result,
        detections=detections(result.traits),
        facts=[Fact("lnkMachine", result.machine)] if result.machine else [],
        children=children,
    )


def _result(about: dict[str, Any], appended: int) -> Shortcut:
    header, data, link = (about.get(part) or {} for part in ("header", "data", "link_info"))
    extra = about.get("extra") or {}
    environment = _text(extra.get("ENVIRONMENTAL_VARIABLES_LOCATION_BLOCK"), "target_unicode", "target_ansi")
    local = _text(link, "local_base_path_unicode", "local_base_path", "common_path_suffix")
    target = local or environment or _from_items(about.get("target") or {}) or _text(data, "relative_path")
    arguments = _text(data, "command_line_arguments")
    command = f"{target} {arguments}".strip()
    return Shortcut(
        target=target,
        arguments=arguments,
        command=command,
        working_folder=_text(data, "working_directory"),
        icon=_text(data, "icon_location"),
        description=_text(data, "description"),
        window=_text(header, "windowstyle"),
        created=_text(header, "creation_time"),
        modified=_text(header, "modified_time"),
        machine=_text(extra.get("DISTRIBUTED_LINK_TRACKER_BLOCK"), "machine_identifier"),
        volume=_text(link.get("location_info"), "volume_label", "net_name"),
        appended=appended,
        indicators=find_indicators(command),
        traits=[],
    )


def _text(part: Any, *keys: str) -> str:
    """The first of these that the part has."""
    values = (part.get(key) for key in keys) if isinstance(part, dict) else iter(())
    return next((str(value) for value in values if value), "")


def _from_items(target: dict[str, Any]) -> str:
    """The path that the shell items spell."""
    items = target.get("items") or []
    names = (
        _text(item, "volume_name", "data", "primary_name") or _text(item, "unicode_name") for item in items
    )
    return "\\".join(name.rstrip("\\") for name in names if name)


def _deceptions(shortcut: Shortcut, appended: bytes) -> Iterator[Trait]:
    starts = any(trait.name == "runs-interpreter" for trait in shortcut.traits)
    if _PADDING.search(shortcut.arguments):
        yield Trait(name="arguments-out-of-sight", weight=30, detail="blanks push them out of the window")
    if starts and _DOCUMENT_ICON.search(shortcut.icon):
        yield Trait(name="icon-of-document", weight=20, detail=shortcut.icon)
    if starts and shortcut.window == _MINIMISED:
        yield Trait(name="window-minimised", weight=10, detail=shortcut.window)
    if len(appended) > _APPENDED:
        yield Trait(name="appended-data", weight=20, detail=f"{len(appended)} bytes behind the shortcut")
