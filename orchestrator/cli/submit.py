"""``assay submit``: files, folders or standard input become samples, submissions and jobs."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from shutil import copyfileobj
from typing import Annotated, BinaryIO

import typer

from orchestrator.cli import output, progress, report
from orchestrator.cli.client import Client, connect
from orchestrator.cli.failure import Failure, Status
from orchestrator.cli.runs import Run
from orchestrator.domain.vocabulary import Tlp

app = typer.Typer()

#: What is kept in memory of standard input before it goes to a file.
_SPOOL = 8 * 1024 * 1024


@app.command()
def submit(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE…", help="Files, folders, or - for standard input.")
    ],
    wait: Annotated[bool, typer.Option("--wait", help="Wait until every job is done.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    tlp: Annotated[Tlp, typer.Option(help="Traffic Light Protocol; red is not accepted.")] = Tlp.amber,
    meta: Annotated[list[str] | None, typer.Option(metavar="KEY=VALUE", help="Metadata; repeatable.")] = None,
    customer: Annotated[str | None, typer.Option(help="In whose name; yours unless given.")] = None,
    name: Annotated[str | None, typer.Option(help="The file name to record, for a single file.")] = None,
    worker: Annotated[
        list[str] | None,
        typer.Option(metavar="WORKER", help="Instead of the policy's workers; repeatable."),
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Run every worker, whatever was found lately.")
    ] = False,
) -> None:
    """Submit samples, and with --wait follow their jobs to the end.

    Exits with 0 if every file was accepted and, with --wait, every job task succeeded; else with 1.
    """
    asked: dict[str, object] = {
        "tlp": tlp.value,
        "metaData": pairs(meta or []),
        "customer": customer,
        "workers": worker,
    }
    body = {name: value for name, value in asked.items() if value}
    body |= {"reuse": False} if fresh else {}
    sources = _sources(files)
    if name and len(sources) != 1:
        raise Failure("--name is for a single file", Status.usage)
    with connect() as client:
        runs = [send(client, source, name, body) for source in sources]
        if wait:
            progress.wait(client, runs)
        _show(client, runs, wait=wait, json=json)
    if not all(run.well for run in runs):
        raise typer.Exit(Status.failed)


def pairs(texts: Sequence[str]) -> dict[str, str]:
    """``KEY=VALUE`` arguments as a mapping."""
    made = {}
    for each in texts:
        key, equals, value = each.partition("=")
        if not key or not equals:
            raise Failure(f"{each!r} is not KEY=VALUE", Status.usage)
        made[key] = value
    return made


def _sources(names: Sequence[str]) -> list[Path | None]:
    """The files to submit; None stands for standard input."""
    found: list[Path | None] = []
    for name in names:
        path = Path(name)
        if name == "-":
            found.append(None)
        elif path.is_dir():
            found += sorted(each for each in path.rglob("*") if each.is_file() and not each.is_symlink())
        elif path.is_file():
            found.append(path)
        else:
            raise Failure(f"{name} is neither a file nor a folder", Status.missing)
    if not found:
        raise Failure(f"no file in {', '.join(names)}", Status.missing)
    return found


@contextmanager
def _opened(source: Path | None) -> Iterator[BinaryIO]:
    """The bytes of a source, in a file of a known length."""
    if source is not None:
        try:
            file = source.open("rb")
        except OSError as error:
            raise Failure(f"{source}: {error.strerror}") from None
        with file:
            yield file
        return
    with tempfile.SpooledTemporaryFile(_SPOOL) as spool:
        copyfileobj(sys.stdin.buffer, spool)
        spool.rollover()
        spool.seek(0)
        yield spool  # type: ignore[misc]


def send(
    client: Client, source: Path | None, name: str | None = None, body: Mapping[str, object] | None = None
) -> Run:
    """Upload and submit one file; what the server refuses about it is in the run's ``error``."""
    run = Run(file=name or (source.name if source else "stdin"))
    try:
        with _opened(source) as file:
            uploaded = client.upload(file)
        run.sha256, run.size = uploaded["sample"]["id"], uploaded["sample"].get("size") or 0
        run.exists = uploaded["exists"]
        answer = client.post(
            f"/sample/{run.sha256}/submission",
            {
                **(body or {}),
                "challengeToken": uploaded["challenge"],
                "fileName": run.file,
                "userAgent": {"name": "assay-cli", "version": version("assay")},
            },
        )
        if submission := answer["data"].get("id"):
            run.submission, run.state = submission, "enqueued"
            run.job = answer["metaData"].get("job") or _job_of(client, answer["data"])
    except Failure as failure:
        if failure.status is not Status.failed:
            raise
        run.error = str(failure)
    return run


def _job_of(client: Client, submission: Mapping[str, object]) -> str:
    """The job that a submission started: the first over its sample that is not older than it."""
    found = client.post(
        "/job/search",
        {
            "sampleSha256": [submission["sampleSha256"]],
            "startTimestamp": submission["submittedTimestamp"],
            "timeFieldStrategy": ["enqueuedTimestamp"],
            "sortBy": ["enqueuedTimestamp"],
            "limit": 1,
        },
    )["data"]
    if not found:
        raise Failure("the submission was accepted, but its job cannot be seen with this key", Status.denied)
    return str(found[0]["id"])


def _show(client: Client, runs: Sequence[Run], *, wait: bool, json: bool) -> None:
    if json:
        output.print_json([run.as_json() for run in runs])
    elif wait and len(runs) == 1 and runs[0].job:
        output.out.print(report.job_tasks(client, runs[0]))
    else:
        output.out.print(report.runs(runs))
