"""``assay audit``: who changed what."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from orchestrator.cli.client import connect
from orchestrator.cli.output import moment, out, print_json, table

app = typer.Typer()

_COLUMNS = ("time", "user", "role", "action", "object", "#status", "request")


@app.command()
def audit(
    user: Annotated[str | None, typer.Option(help="Only what this user did.")] = None,
    action: Annotated[str | None, typer.Option(help="A part of the method and route, or command.")] = None,
    about: Annotated[str | None, typer.Option("--object", help="A part of the path: an id, a hash.")] = None,
    since: Annotated[str | None, typer.Option(help="A time, or how long ago: `now - 1 day`.")] = None,
    until: Annotated[str | None, typer.Option(help="A time before which it was done.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, in the fields of the API.")] = False,
) -> None:
    """Show who changed what, over the API, the pages and the command line; for administrators."""
    given = {"user": user, "action": action, "object": about, "since": since, "until": until}
    with connect() as client:
        wanted = {name: value for name, value in given.items() if value is not None}
        rows = client.get("/audit", limit=limit, **wanted)
    if json:
        print_json(rows)
    else:
        out.print(table("Audit log", _COLUMNS, [_line(row) for row in rows]))


def _line(row: dict[str, Any]) -> tuple[object, ...]:
    return (
        moment(row["timestamp"]),
        row["user"],
        row["role"] or "",
        row["action"],
        row["object"],
        row["status"] or "",
        row["requestId"] or "",
    )
