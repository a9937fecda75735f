"""``assay job``: what became of submissions."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from orchestrator.cli import output, progress, report
from orchestrator.cli.client import API, Client, connect
from orchestrator.cli.failure import Failure, Status
from orchestrator.cli.runs import Run, job_task_json
from orchestrator.domain.vocabulary import JobState

app = typer.Typer(no_args_is_help=True, help="List, show, follow, cancel and re-run jobs.")

Job = Annotated[str, typer.Argument(metavar="JOB", help="A job's id.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, in the fields of the API.")]


@app.command("list")
def list_(
    state: Annotated[list[JobState] | None, typer.Option(help="Only these; repeatable.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 25,
    json: Json = False,
) -> None:
    """List jobs, newest first."""
    with connect() as client:
        rows = client.get("/job", limit=limit, **({"state": [each.value for each in state]} if state else {}))
    if json:
        output.print_json(rows)
    else:
        output.out.print(report.jobs(rows))


@app.command()
def show(job: Job, json: Json = False) -> None:
    """Show a job, its job tasks and what they found."""
    with connect() as client:
        row = client.get(f"/job/{job}")
        run = _run(client, row)
        if json:
            output.print_json({**row, "tasks": [job_task_json(each) for each in run.job_tasks]})
        else:
            output.out.print(report.jobs([row]))
            output.out.print(report.job_tasks(client, run))


@app.command()
def tasks(job: Job, json: Json = False) -> None:
    """List a job's job tasks."""
    with connect() as client:
        rows = list(client.every(f"/job/{job}/tasks"))
    if json:
        output.print_json([job_task_json(row) for row in rows])
        return
    columns = ("job task", "worker", "state", "enqueued", "#waited", "#ran", "message")
    output.out.print(output.table(f"Job tasks of {job}", columns, [_line(row) for row in rows]))


def _line(row: dict[str, Any]) -> tuple[object, ...]:
    start, end = row.get("startTimestamp"), row.get("endTimestamp")
    return (
        row["id"],
        row["worker"],
        output.state(row["state"]),
        output.moment(row["enqueuedTimestamp"]),
        output.duration(row["enqueuedTimestamp"], start),
        output.duration(start, end),
        row.get("message") or "",
    )


@app.command()
def cancel(job: Job, json: Json = False) -> None:
    """Cancel what is open of a job; what finished before stays."""
    with connect() as client:
        row = client.delete(f"/job/{job}")
    if json:
        output.print_json(row)
    else:
        output.line(f"job {row['id']} is {row['state']}")


@app.command()
def watch(job: Job, json: Json = False) -> None:
    """Follow a job until it is done; exits with 1 if a job task did not succeed."""
    with connect() as client:
        run = _run(client, client.get(f"/job/{job}"))
        progress.wait(client, [run])
        if json:
            output.print_json(run.as_json())
        else:
            output.out.print(report.job_tasks(client, run))
    if not run.well:
        raise typer.Exit(Status.failed)


@app.command()
def rerun(
    job: Job,
    worker: Annotated[
        list[str] | None, typer.Option(metavar="WORKER", help="Only these workers; repeatable.")
    ] = None,
    also: Annotated[
        list[str] | None, typer.Option(metavar="WORKER", help="The job's workers and these; repeatable.")
    ] = None,
    without: Annotated[
        list[str] | None, typer.Option(metavar="WORKER", help="But not these; repeatable.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the new job is done.")] = False,
    json: Json = False,
) -> None:
    """Start a new job over a job's sample: with the policy's workers, or with others.

    What was found before is not reused. Exits with 1 if, with --wait, a job task did not succeed.
    """
    with connect() as client:
        old = client.get(f"/job/{job}")
        body = _selection(client, job, worker or [], also or [], without or [])
        row = client.call("PUT", f"{API}/sample/{old['analysedSample']['id']}/reanalyse", json=body)["data"]
        run = _run(client, row)
        if wait:
            progress.wait(client, [run])
        if json:
            output.print_json(run.as_json())
        elif wait:
            output.out.print(report.job_tasks(client, run))
        else:
            output.line(f"job {row['id']} is {row['state']}")
    if wait and not run.well:
        raise typer.Exit(Status.failed)


def _selection(
    client: Client, job: str, only: list[str], also: list[str], without: list[str]
) -> dict[str, list[str]]:
    """The body that names the workers; the policy decides where nothing was said."""
    if not (only or also or without):
        return {}
    had = only or [row["worker"] for row in client.every(f"/job/{job}/tasks")]
    names = [name for name in dict.fromkeys([*had, *also]) if name not in without]
    if not names:
        raise Failure("no worker is left to run", Status.usage)
    return {"workers": names}


def _run(client: Client, row: dict[str, Any]) -> Run:
    sample = row["analysedSample"]
    run = Run(file="", sha256=sample["id"], size=sample.get("size") or 0, exists=True, job=row["id"])
    run.look(client)
    return run
