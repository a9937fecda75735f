"""``assay events``: what happens to jobs and job tasks, as it happens."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Annotated, Any

import httpx
import typer
from rich.text import Text

from orchestrator.cli import output
from orchestrator.cli.client import API, Client, connect
from orchestrator.cli.failure import Failure, Status

app = typer.Typer()

#: The stream says something every 15 seconds; a connection that says nothing for longer is dead.
_SILENCE = httpx.Timeout(45.0, connect=5.0)
_PAUSE = 2.0
_TRIES = 15


@app.command()
def events(
    job: Annotated[
        list[str] | None,
        typer.Option(help="Of this job, from its beginning; repeatable. Ends when all are closed."),
    ] = None,
    sample: Annotated[list[str] | None, typer.Option(help="Of this SHA-256; repeatable.")] = None,
    worker: Annotated[list[str] | None, typer.Option(help="Of this worker; repeatable.")] = None,
    state: Annotated[list[str] | None, typer.Option(help="Into this state, or done; repeatable.")] = None,
    after: Annotated[
        str, typer.Option(metavar="ID", help="Go on after the event of this id; 0: from the first.")
    ] = "",
    json: Annotated[bool, typer.Option("--json", help="Print each event as one line of JSON.")] = False,
) -> None:
    """Follow what happens to jobs and job tasks, until Ctrl-C.

    A lost connection is made again where it ended: no event is missed, none comes twice.
    """
    wanted = {"job": job, "sample": sample, "worker": worker, "state": state}
    chosen = {name: values for name, values in wanted.items() if values}
    with connect() as client:
        open_jobs = {each for each in job or () if client.get(f"/job/{each}")}
        # of named jobs all there is, so that the end is not missed where it came before
        for event in follow(client, chosen, after or ("0" if job else "")):
            if json:
                output.json_line(event)
            else:
                output.out.print(_line(event))
            if event["event"].startswith("job.") and job:
                open_jobs.discard(event["job"])
                if not open_jobs:
                    return


def follow(client: Client, wanted: dict[str, list[str]], after: str) -> Iterator[dict[str, Any]]:
    """The events, for ever; connects again where the connection was lost."""
    place, tries = after, 0
    while True:
        headers = {"Last-Event-ID": place} if place else {}
        try:
            for event in client.stream(f"{API}/event", wanted, headers, _SILENCE):
                place, tries = event["id"], 0
                yield event
        except Failure as failure:
            if failure.status is not Status.unreachable or tries >= _TRIES or not place:
                raise
        tries += 1
        time.sleep(_PAUSE)


def _line(event: dict[str, Any]) -> Text:
    moment = output.moment(event["timestamp"])
    line = output.text(f"{moment[11:]} {event['job'][-12:]} {event.get('worker', 'job'):12} ")
    line.append_text(output.state(event.get("target") or event["jobState"]))
    if event.get("attempt", 1) > 1:
        line.append_text(output.text(f" attempt {event['attempt']}"))
    if event.get("ranMs"):
        line.append_text(output.text(f" {output.duration(1, event['ranMs'] + 1)}", "dim"))
    if event.get("message"):
        line.append_text(output.text(f" {event['message']}"))
    return line
