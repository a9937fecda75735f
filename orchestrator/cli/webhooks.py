"""``assay webhook``: who is told of events over HTTP, and what became of it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from orchestrator.cli import output
from orchestrator.cli.client import API, connect

app = typer.Typer(no_args_is_help=True, help="Be told of events over HTTP: signed and tried until taken.")

Webhook = Annotated[str, typer.Argument(metavar="WEBHOOK", help="A webhook's id.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, in the fields of the API.")]


@app.callback()
def _group() -> None:
    """Be told of events over HTTP: signed and tried until taken."""


@app.command()
def add(
    url: Annotated[str, typer.Argument(help="Where to POST events to.")],
    event: Annotated[
        list[str] | None, typer.Option(help="An event's name, * for any part; repeatable. Else job.*")
    ] = None,
    json: Json = False,
) -> None:
    """Make a webhook; prints the secret that its deliveries are signed with, this once."""
    with connect() as client:
        row = client.post("/webhook", {"url": url, **({"events": event} if event else {})})["data"]
    if json:
        output.print_json(row)
        return
    output.line(f"webhook {row['id']} tells {row['url']} of {', '.join(row['events'])}")
    output.line(f"secret (shown once): {row['secret']}")


@app.command("list")
def list_(json: Json = False) -> None:
    """List your webhooks; an administrator everybody's."""
    with connect() as client:
        rows = list(client.every("/webhook"))
    if json:
        output.print_json(rows)
        return
    columns = ("webhook", "user", "state", "events", "url")
    output.out.print(output.table("Webhooks", columns, [_line(row) for row in rows]))


def _line(row: dict[str, Any]) -> tuple[object, ...]:
    state = "on" if row["active"] else row.get("disabledReason") or "off"
    if row["active"] and row.get("failingSinceTimestamp"):
        state = f"failing since {output.moment(row['failingSinceTimestamp'])}"
    return row["id"], row["user"], state, ", ".join(row["events"]), row["url"]


@app.command()
def log(
    webhook: Webhook,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 25,
    json: Json = False,
) -> None:
    """Show what became of a webhook's deliveries, the newest first."""
    with connect() as client:
        rows = client.get(f"/webhook/{webhook}/delivery", limit=limit)
    if json:
        output.print_json(rows)
        return
    columns = ("delivery", "event", "state", "#tries", "answer", "tried")
    lines = [
        (
            row["id"],
            row["event"],
            row["state"],
            row["attempts"],
            " ".join(str(each) for each in (row.get("status"), row.get("error")) if each),
            output.moment(row.get("triedTimestamp")),
        )
        for row in rows
    ]
    output.out.print(output.table(f"Deliveries of {webhook}", columns, lines))


@app.command()
def ping(webhook: Webhook, json: Json = False) -> None:
    """Send a webhook the event "ping"; the log shows what it answered."""
    with connect() as client:
        row = client.post(f"/webhook/{webhook}/ping", {})["data"]
    if json:
        output.print_json(row)
    else:
        output.line(f"delivery {row['id']} is on its way: see assay webhook log {webhook}")


@app.command()
def again(
    webhook: Webhook,
    delivery: Annotated[str, typer.Argument(help="A delivery's id, from the log.")],
    json: Json = False,
) -> None:
    """Send a delivery once more, as it was."""
    with connect() as client:
        row = client.post(f"/webhook/{webhook}/delivery/{delivery}/again", {})["data"]
    if json:
        output.print_json(row)
    else:
        output.line(f"delivery {row['id']} is {row['state']}")


@app.command()
def on(webhook: Webhook, json: Json = False) -> None:
    """Switch a webhook on; what happened while it was off is not told."""
    _switch(webhook, json=json, active=True)


@app.command()
def off(webhook: Webhook, json: Json = False) -> None:
    """Switch a webhook off."""
    _switch(webhook, json=json, active=False)


def _switch(webhook: str, *, json: bool, active: bool) -> None:
    with connect() as client:
        row = client.call("PUT", f"{API}/webhook/{webhook}", json={"active": active})["data"]
    if json:
        output.print_json(row)
    else:
        output.line(f"webhook {row['id']} is {'on' if row['active'] else 'off'}")


@app.command()
def remove(webhook: Webhook, json: Json = False) -> None:
    """Remove a webhook and its log."""
    with connect() as client:
        row = client.delete(f"/webhook/{webhook}")
    if json:
        output.print_json(row)
    else:
        output.line(f"webhook {row['id']} is removed")
