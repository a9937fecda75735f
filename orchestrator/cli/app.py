"""The root of the command line. Each command's module is imported when it is called: that starts fast."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from orchestrator.cli.failure import Failure, Status, status_of
from orchestrator.cli.output import clean
from orchestrator.errors import AssayError

#: Command → module of this package, and the command's name in it; no name: the whole module is a group.
_COMMANDS: dict[str, tuple[str, str]] = {
    "up": ("up", "up"),
    "demo": ("demo", "demo"),
    "submit": ("submit", "submit"),
    "job": ("jobs", ""),
    "events": ("events", "events"),
    "export": ("export", "export"),
    "webhook": ("webhooks", ""),
    "mcp": ("assistant", "mcp"),
    "setaside": ("setasides", ""),
    "sample": ("samples", ""),
    "worker": ("workers", ""),
    "key": ("keys", ""),
    "api": ("serve", "api"),
    "sweep": ("background", "sweep"),
    "worker-process": ("background", "worker-process"),
    "db": ("database", ""),
    "audit": ("trail", "audit"),
    "doctor": ("doctor", "doctor"),
}


class _Lazy(TyperGroup):
    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        return list(_COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        module, name = _COMMANDS[cmd_name]
        group = typer.main.get_group(import_module(f"orchestrator.cli.{module}").app)
        command = group.commands[name] if name else group
        command.name = cmd_name
        return command


app = typer.Typer(
    cls=_Lazy,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"assay {version('assay')}\n")
        raise typer.Exit


@app.callback()
def _root(
    _version: Annotated[bool, typer.Option("--version", is_eager=True, callback=_print_version)] = False,
) -> None:
    """Assay: submit samples, fan them out to analysis workers, read what was found.

    Exit status: 0 all well; 1 not all well; 2 wrong usage or setting;
    3 unreachable; 4 not allowed; 5 not found; 130 interrupted.
    """


def main() -> None:
    """Run the command line; every error is one line."""
    try:
        app()
    except Failure as failure:
        _end(str(failure), failure.status)
    except AssayError as error:
        _end(str(error), status_of(error))
    except BrokenPipeError:
        # whoever read our output has seen enough; the interpreter would complain when it flushes
        sys.stdout = None
        sys.exit(Status.failed)


def _end(message: str, status: Status) -> None:
    sys.stderr.write(f"assay: {clean(message)}\n")
    sys.exit(status)
