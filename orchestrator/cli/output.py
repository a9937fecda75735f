"""What the command line prints: text from samples and servers is shown, and never obeyed."""

from __future__ import annotations

import json
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

#: Width of a table that no terminal limits: wide enough that no id is cut.
_PIPE_WIDTH = 200

#: Colour and sign of a state, so that neither alone has to be seen.
_STATES = {
    "enqueued": ("cyan", "·"),
    "executing": ("yellow", "▶"),
    "success": ("green", "✓"),
    "done": ("green", "✓"),
    "failed": ("red", "✗"),
    "timeout": ("red", "⏱"),
    "cancelled": ("magenta", "-"),
}


def _console(*, stderr: bool = False) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else max(_PIPE_WIDTH, shutil.get_terminal_size().columns)
    return Console(stderr=stderr, width=width, highlight=False, emoji=False)


out = _console()
err = _console(stderr=True)


def clean(value: object) -> str:
    """The value as one line of text: what steers terminals or reorders text is spelled out."""
    return "".join(_spell(each) for each in str(value))


def _spell(character: str) -> str:
    if character == " " or unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}:
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004


def text(value: object, style: str = "") -> Text:
    """A foreign value as text that rich takes for nothing else."""
    return Text(clean(value), style=style)


def state(value: object) -> Text:
    """A state with its colour and sign."""
    colour, sign = _STATES.get(str(value), ("", "?"))
    return Text(f"{sign} {clean(value)}", style=colour)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """A table of foreign values; columns whose name begins with ``#`` are aligned to the right."""
    made = Table(
        title=Text(clean(title), style="bold"), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False
    )
    for column in columns:
        made.add_column(column.lstrip("#"), justify="right" if column[0] == "#" else "left", overflow="fold")
    for row in rows:
        made.add_row(*[each if isinstance(each, Text) else text(each) for each in row])
    return made


def as_json(value: Any) -> str:
    """The value as JSON, in ASCII alone."""
    return json.dumps(value, indent=2, ensure_ascii=True)


def print_json(value: Any) -> None:
    """The value as JSON on standard output."""
    sys.stdout.write(as_json(value) + "\n")


def json_line(value: Any) -> None:
    """The value as one line of JSON, at once."""
    sys.stdout.write(json.dumps(value, ensure_ascii=True) + "\n")
    sys.stdout.flush()


def line(value: str) -> None:
    """One plain line on standard output, at once."""
    sys.stdout.write(clean(value) + "\n")
    sys.stdout.flush()


def moment(milliseconds: int | None) -> str:
    """A time of the wire, in this machine's zone."""
    if not milliseconds:
        return ""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def duration(start: int | None, end: int | None) -> str:
    """The time between two times of the wire."""
    if not start or not end:
        return ""
    seconds = (end - start) / 1000
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def size(count: int) -> str:
    """A number of bytes, for people."""
    amount = float(count)
    for unit in ("B", "KiB", "MiB"):
        if amount < 1024:  # noqa: PLR2004
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} GiB"
