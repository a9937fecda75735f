"""The reference of all settings as a Markdown table, from ``orchestrator/settings.py`` and its comments.

usage: python -m scripts.settings_reference
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from orchestrator import settings

_HEAD = "| variable | default | meaning |\n|---|---|---|\n"
_FIELD = re.compile(r"    (\w+): [^=]+ = ")
_COMMENT = re.compile(r"    #: (.*)")


def write() -> str:
    """The table."""
    said = dict(_comments(inspect.getsource(settings.Settings)))
    fields = settings.Settings.model_fields
    return _HEAD + "".join(_row(name, field, said.get(name, "")) for name, field in fields.items())


def _comments(source: str) -> Iterator[tuple[str, str]]:
    """The comment above each field; one above several in a row is for all of them."""
    lines: list[str] = []
    fresh = True
    for line in source.splitlines():
        if comment := _COMMENT.fullmatch(line):
            lines = [] if fresh else lines
            lines.append(comment[1])
            fresh = False
        elif field := _FIELD.match(line):
            yield field[1], " ".join(lines)
            fresh = True
        elif not line.strip():
            lines = []


def _row(name: str, field: FieldInfo, said: str) -> str:
    text = re.sub(r"``([^`]*)``", r"`\1`", said).replace("|", "\\|") or "Where the API listens."
    bounds = _bounds(field)
    return (
        f"| `ASSAY_{name.upper()}` | {_default(field.default)} | {text}{f' ({bounds})' if bounds else ''} |\n"
    )


def _default(value: Any) -> str:
    value = value.get_secret_value() if isinstance(value, SecretStr) else value
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value}`" if value != "" else "empty"


def _bounds(field: FieldInfo) -> str:
    if get_origin(field.annotation) is Literal:
        return "one of " + ", ".join(f"`{each}`" for each in get_args(field.annotation))
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    found = [
        f"{sign} {getattr(each, word):g}"
        for each in field.metadata
        for word, sign in signs.items()
        if getattr(each, word, None) is not None
    ]
    return ", ".join(found)


if __name__ == "__main__":
    sys.stdout.write(write())
