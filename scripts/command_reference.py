"""The reference of all commands in Markdown, from the commands themselves.

usage: python -m scripts.command_reference
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any

import typer
from rich.text import Text

from orchestrator.cli.app import app

_NAME = "assay"


def write() -> str:
    """One section per command, in the order of ``assay --help``."""
    root: Any = typer.main.get_command(app)
    return "\n".join(part for name in root.list_commands(None) for part in _command(root, (name,)))


def _command(parent: Any, path: tuple[str, ...]) -> Iterator[str]:
    command = parent.get_command(None, path[-1])
    if command.hidden:
        return
    named = " ".join((_NAME, *path))
    yield f"{'#' * (len(path) + 2)} {named}\n"
    yield _prose(command.help or "") + "\n"
    parameters = [each for each in command.params if each.name != "help" and not each.hidden]
    if not hasattr(command, "commands"):
        arguments = [_metavar(each) for each in parameters if each.param_type_name == "argument"]
        yield "```text\n" + " ".join((named, "[options]", *arguments)) + "\n```\n"
    if parameters:
        yield "| | |\n|---|---|\n" + "".join(map(_row, parameters))
    for name in getattr(command, "commands", ()):
        yield from _command(command, (*path, name))


def _row(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        shown = f"`{_metavar(parameter)}`"
    else:
        spelled = ", ".join(f"`{each}`" for each in (*parameter.opts, *parameter.secondary_opts))
        shown = spelled if parameter.is_flag else f"{spelled} `{_metavar(parameter)}`"
    said = _prose(parameter.help or "")
    if parameter.param_type_name == "option" and parameter.default not in (None, False, "", ()):
        said += f" ({getattr(parameter.default, 'value', parameter.default)} unless given)"
    return f"| {_cell(shown)} | {_cell(said.strip())} |\n"


def _metavar(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return str(parameter.metavar or parameter.name.upper())
    return str(parameter.metavar or str(parameter.display_type).strip("<>"))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _prose(text: str) -> str:
    """Help as it reads without a terminal."""
    plain = Text.from_markup(text).plain
    return re.sub(r"(?<!\n)\n(?!\n)", " ", plain).replace("<", "&lt;")


if __name__ == "__main__":
    sys.stdout.write(write())
