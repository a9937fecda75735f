"""``assay worker``: serve analysis workers, list them, or run one on a file with no stack at all."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import BaseModel

from orchestrator import logs
from orchestrator.cli import embedded, output, worker_new
from orchestrator.cli.client import API, connect
from orchestrator.cli.failure import Failure, Status
from orchestrator.cli.submit import pairs
from orchestrator.cli.supervisor import ChildDied, Stopped, Supervisor
from orchestrator.local import sample_at
from orchestrator.sandbox import Ending, Level, Outcome, Sandbox
from orchestrator.settings import load
from orchestrator.worker import Findings, UnknownWorker, find

app = typer.Typer(invoke_without_command=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback()
def serve(
    context: typer.Context,
    workers: Annotated[
        str, typer.Option(metavar="A,B", help="Which ones; all that are installed unless given.")
    ] = "",
    concurrency: Annotated[int, typer.Option(min=1, max=256, help="Processes that serve them.")] = 1,
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
    children = embedded.workers(concurrency, names, {})
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


app.command()(worker_new.new)


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
    if ":" not in name:
        try:
            find(name)
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
        outcome = sandbox.run(name, sample)
        if json:
            output.print_json(_outcome(outcome))
        else:
            _print_outcome(name, outcome)
    if outcome.ending not in {Ending.finished, Ending.nothing}:
        raise typer.Exit(Status.failed)


def _print_outcome(name: str, outcome: Outcome) -> None:
    output.out.print(
        output.text(f"{name}: {outcome.ending} in {outcome.seconds:.3f} s, sandbox: {outcome.level}"),
    )
    if outcome.message:
        output.out.print(output.text(outcome.message))
    if outcome.findings is not None:
        for key, value in _findings(outcome.findings).items():
            if value not in ([], None, {}):
                output.out.print(output.text(f"{key}: "), end="")
                output.out.print_json(data=value, default=str, ensure_ascii=True)


def _outcome(outcome: Outcome) -> dict[str, Any]:
    return {
        "ending": outcome.ending,
        "message": outcome.message,
        "level": outcome.level,
        "seconds": outcome.seconds,
        "peakMemory": outcome.peak_memory,
        "findings": _findings(outcome.findings) if outcome.findings else None,
    }


def _findings(findings: Findings) -> dict[str, Any]:
    """Findings as JSON; the paths of files are those after the run."""
    result = findings.result
    classification = findings.classification
    return {
        "score": findings.score,
        "detections": [{"name": each.name, "assessment": each.assessment} for each in findings.detections],
        "tags": [{"type": each.type, "value": each.value} for each in findings.tags],
        "classification": None
        if classification is None
        else {
            "type": classification.type,
            "superType": classification.super_type,
            "arch": classification.arch,
            "platform": classification.platform,
            "metaData": dict(classification.meta_data),
        },
        "facts": [{"key": each.key, "value": each.value} for each in findings.facts],
        "evidence": [{"name": each.name, "path": str(each.path)} for each in findings.evidence],
        "children": [
            {"name": each.name, "path": str(each.path), "relation": each.relation}
            for each in findings.children
        ],
        "result": result.model_dump(mode="json") if isinstance(result, BaseModel) else dict(result),
    }
