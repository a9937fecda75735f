"""``assay setaside``: messages that no worker could make sense of, for administrators."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from orchestrator.cli import output
from orchestrator.cli.client import Client, connect
from orchestrator.cli.failure import Failure, Status

app = typer.Typer(no_args_is_help=True, help="Messages that no worker could make sense of.")

Message = Annotated[str, typer.Argument(metavar="MESSAGE", help="A message's id, from the list.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, in the fields of the API.")]


@app.callback()
def _group() -> None:
    """Messages that no worker could make sense of."""


@app.command("list")
def list_(
    every: Annotated[bool, typer.Option("--all", help="Also those that were sent again.")] = False,
    json: Json = False,
) -> None:
    """List the messages that were set aside, the newest first."""
    with connect() as client:
        rows = list(client.every("/setaside", replayed=every))
    if json:
        output.print_json(rows)
        return
    columns = ("message", "queue", "reason", "#size", "received", "sent again")
    output.out.print(output.table("Set-aside messages", columns, [_line(row) for row in rows]))


def _line(row: dict[str, Any]) -> tuple[object, ...]:
    return (
        row["id"],
        row["queue"],
        row["reason"],
        output.size(row["size"]),
        output.moment(row["receivedTimestamp"]),
        output.moment(row.get("replayedTimestamp")),
    )


@app.command()
def show(message: Message, json: Json = False) -> None:
    """Show a message: why it was set aside, its headers, and how its body begins."""
    with connect() as client:
        row = _found(client, message)
    if json:
        output.print_json(row)
        return
    for name in ("id", "queue", "reason", "contentType", "size", "headers", "body"):
        output.out.print(output.text(f"{name}: {row[name]}"))


def _found(client: Client, message: str) -> dict[str, Any]:
    for row in client.every("/setaside", replayed=True):
        if row["id"] == message:
            return row
    raise Failure(f"set-aside message {message} does not exist: see assay setaside list", Status.missing)


@app.command()
def replay(message: Message, json: Json = False) -> None:
    """Send a message again, as it was, to its queue."""
    with connect() as client:
        row = client.post(f"/setaside/{message}/replay", {})["data"]
    if json:
        output.print_json(row)
    else:
        output.line(f"message {row['id']} was sent to {row['queue']} again")
