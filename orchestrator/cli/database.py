"""``assay db``: the store's schema."""

from __future__ import annotations

import typer

from orchestrator.cli import stores
from orchestrator.cli.output import line

app = typer.Typer(no_args_is_help=True, help="The store's schema.")


@app.callback()
def _group() -> None:
    """The store's schema."""


@app.command()
def upgrade(data: stores.Data = None) -> None:
    """Bring the store to this version's schema; safe to run again, and beside a running service."""
    settings = stores.settings_for(data)
    settings.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    line(f"the store is at revision {stores.upgrade(settings)}")
