"""``assay db``: the store's schema, and what is kept in it."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli import embedded, stores
from orchestrator.cli.output import line, out, print_json, table
from orchestrator.services import audit, retention
from orchestrator.store import backup
from orchestrator.store.blobs import open_blobs

app = typer.Typer(no_args_is_help=True, help="The store: its schema, and what it keeps.")


@app.callback()
def _group() -> None:
    """The store: its schema, and what it keeps."""


@app.command()
def upgrade(data: stores.Data = None) -> None:
    """Bring the store to this version's schema; safe to run again, and beside a running service."""
    settings = stores.settings_for(data)
    settings.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    line(f"the store is at revision {stores.upgrade(settings)}")


@app.command()
def prune(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    data: stores.Data = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Remove what is older than the settings keep, and bytes that nothing refers to.

    Safe beside a running service, whose sweep removes the same, but for the bytes, a little at a time.
    """
    settings = stores.settings_for(data)
    with stores.opened(settings) as begin:
        found = retention.prunable(begin, settings) if dry_run else retention.prune(begin, settings)
        found.blobs = retention.prune_blobs(begin, open_blobs(settings), dry=dry_run)
        counts = asdict(found)
        if not dry_run:
            with begin() as uow:
                audit.note(uow, "db prune", "the store", **counts)
                uow.commit()
    if json:
        print_json(counts)
        return
    title = "Would be removed" if dry_run else "Removed"
    out.print(
        table(title, ("what", "#rows"), [(name.replace("_", " "), each) for name, each in counts.items()])
    )


_Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The folder of the backup.")]


@app.command("backup")
def back_up(folder: _Folder, data: stores.Data = None) -> None:
    """Copy the embedded store, database and samples, into a new folder; beside a running service."""
    settings = stores.settings_for(data)
    with stores.opened(settings) as begin:
        manifest = backup.back_up(settings, folder)
        with begin() as uow:
            audit.note(uow, "db backup", str(folder), blobs=manifest.blobs)
            uow.commit()
    gone = f"; {manifest.missing} were deleted meanwhile" if manifest.missing else ""
    line(f"{folder}: revision {manifest.revision}, {manifest.blobs} blobs{gone}")


@app.command()
def restore(
    folder: _Folder,
    replace: Annotated[bool, typer.Option("--replace", help="Move aside what is there.")] = False,
    data: stores.Data = None,
) -> None:
    """Put a backup of the embedded store in its place; nothing may run on it meanwhile.

    Job tasks that were open when the backup was made are sent to the workers again at the next start.
    """
    settings = stores.settings_for(data)
    settings.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    held = embedded.lock(settings.folder)
    try:
        manifest = backup.restore(settings, folder, replace=replace)
    finally:
        os.close(held)
    stores.upgrade(settings)
    with stores.opened(settings) as begin, begin() as uow:
        audit.note(uow, "db restore", str(folder), made=manifest.made)
        uow.commit()
    line(f"restored the store of {manifest.made}: {manifest.blobs} blobs")
