"""``assay worker``: serve analysis workers, list them, or run one on a file with no stack at all."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from orchestrator import logs
from orchestrator.cli import embedded, findings, output, replaying, switching, worker_new
from orchestrator.cli.client import API, Client, connect
from orchestrator.cli.failure import Failure, Status
from orchestrator.cli.remote import RemoteWorker
from orchestrator.cli.submit import pairs
from orchestrator.cli.supervisor import ChildDied, Stopped, Supervisor
from orchestrator.local import sample_at
from orchestrator.sandbox import Ending, Level, Sandbox
from orchestrator.settings import Settings, load
from orchestrator.worker import UnknownWorker, find, installed, may_use_network

app = typer.Typer(invoke_without_command=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback()
def serve(
    context: typer.Context,
    workers: Annotated[
        str,
        typer.Option(
            "--workers", "--only", metavar="A,B", help="Which ones; all that are installed unless given."
        ),
    ] = "",
    concurrency: Annotated[int, typer.Option(min=1, max=256, help="Processes that serve them.")] = 1,
    remote_url: Annotated[
        str,
        typer.Option(
            "--remote",
            metavar="URL",
            help="Take job tasks over HTTP, with an analyzer's key in ASSAY_API_KEY.",
        ),
    ] = "",
) -> None:
    """Serve analysis workers from the queue, until Ctrl-C; or one of the commands below."""
    if context.invoked_subcommand is not None:
        return
    settings = load()
    names = tuple(name.strip() for name in workers.split(",") if name.strip())
    try:
        for name in names:
            find(name)
    except UnknownWorker as error:
        raise Failure(f"{error}; `assay doctor` lists what is installed", Status.usage) from None
    if remote_url and concurrency == 1:
        logs.configure(settings)
        _serve_remotely(remote_url, settings, names)
        return
    children = embedded.workers(concurrency, names, {}, remote=remote_url)
    if concurrency == 1:
        # the process itself becomes the worker: its signals need no middleman
        os.execv(sys.executable, list(children[0].command))  # noqa: S606
    logs.configure(settings)
    try:
        with Supervisor() as supervisor:
            for child in children:
                supervisor.start(child)
            supervisor.watch()
    except Stopped:
        return
    except ChildDied as death:
        raise Failure(str(death)) from None


def _serve_remotely(url: str, settings: Settings, names: tuple[str, ...]) -> None:
    key = os.environ.get("ASSAY_API_KEY", "")
    if not key:
        raise Failure("ASSAY_API_KEY is not set: ask whoever runs the service for a key", Status.denied)
    served = [find(name) for name in names] or list(installed().values())
    with Client(url, key) as client:
        RemoteWorker(client, settings, served, strict=bool(names)).run()


app.command()(worker_new.new)
app.command()(switching.on)
app.command()(switching.off)
app.command()(replaying.replay)


@app.command("list")
def list_(json: Json = False) -> None:
    """List the registered workers, and who serves them now."""
    with connect() as client:
        rows = [client.call("GET", f"{API}/worker/{row['id']}") for row in client.every("/worker")]
    if json:
        output.print_json([{**row["data"], "service": row["metaData"]} for row in rows])
        return
    columns = ("worker", "version", "accepts", "#processes", "description")
    output.out.print(output.table("Analysis workers", columns, [_line(row) for row in rows]))


def _line(row: dict[str, Any]) -> tuple[object, ...]:
    service = row["metaData"]
    return (
        row["data"]["shortName"],
        service.get("version") or "",
        ", ".join(service.get("accepts") or ()) or "any",
        len(service.get("processes") or ()) if service.get("celery") else "external",
        row["data"].get("localizedDescription") or "",
    )


@app.command()
def run(
    name: Annotated[str, typer.Argument(help="A worker's name, or MODULE:ATTRIBUTE.")],
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)],
    option: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="An option; repeatable.")
    ] = None,
    type_: Annotated[
        str, typer.Option("--type", help="The classification's type that the worker sees.")
    ] = "",
    super_type: Annotated[str, typer.Option(help="Its super type.")] = "",
    keep: Annotated[Path | None, typer.Option(help="A new folder for evidence and extracted files.")] = None,
    json: Json = False,
) -> None:
    """Run one worker on a file, in the sandbox, with no stack; exits with 1 if it fails."""
    worker = None
    if ":" not in name:
        try:
            worker = find(name)
        except UnknownWorker as error:
            raise Failure(f"{error}; `assay doctor` lists what is installed", Status.missing) from None
    settings = load()
    with ExitStack() as stack:
        scratch = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="assay-run-")))
        if keep is not None:
            keep.mkdir(parents=True)
        options = {**settings.worker_options, **pairs(option or [])}
        sample = sample_at(file, scratch, type=type_, super_type=super_type, options=options)
        readable = settings.worker_options.values()
        sandbox = stack.enter_context(Sandbox(Level(settings.sandbox_minimum), [name], readable=readable))
        network = worker is not None and may_use_network(worker, options)
        outcome = sandbox.run(name, sample, network=network)
        if json:
            output.print_json(findings.outcome_json(outcome))
        else:
            findings.show(name, outcome)
    if outcome.ending not in {Ending.finished, Ending.nothing}:
        raise typer.Exit(Status.failed)
