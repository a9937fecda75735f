"""``assay export``: all that is known of a sample or a job, to be passed on."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from orchestrator.cli import output
from orchestrator.cli.client import Client, connect
from orchestrator.cli.failure import Failure, Status
from orchestrator.cli.runtime import write_private

app = typer.Typer()

_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


class Format(StrEnum):
    """In which form."""

    json = "json"
    stix = "stix"
    misp = "misp"


@app.command()
def export(
    what: Annotated[str, typer.Argument(metavar="SHA256|JOB", help="A sample's SHA-256, or a job's id.")],
    form: Annotated[
        Format, typer.Option("--format", help="The record itself, a STIX 2.1 bundle, or a MISP event.")
    ] = Format.json,
    to: Annotated[Path | None, typer.Option("--output", "-o", help="A file; else standard output.")] = None,
) -> None:
    """Write the whole record of a sample, or of a job's sample as that job found it.

    STIX and MISP need the extra "export". In them, addresses found in the sample are not defanged.
    """
    with connect() as client:
        record = sample_record(client, what.lower()) if _SHA256.fullmatch(what) else job_record(client, what)
    text = _written(record, form)
    if to is None:
        sys.stdout.write(text + "\n")
    else:
        write_private(to, text + "\n")
        output.line(f"wrote {to}")


def sample_record(client: Client, sha256: str) -> dict[str, Any]:
    """All that is known of a sample."""
    record: dict[str, Any] = client.get(f"/sample/{sha256}/export")
    return record


def job_record(client: Client, job: str) -> dict[str, Any]:
    """The job with its job tasks, and of its sample's record what the job found."""
    row = client.get(f"/job/{job}")
    record = sample_record(client, row["analysedSample"]["id"])
    mine = {name: [each for each in record[name] if _of(each, job)] for name in ("analyses", "verdicts")}
    return {**record, **mine, "job": row, "tasks": list(client.every(f"/job/{job}/tasks"))}


def _of(each: Mapping[str, Any], job: str) -> bool:
    return bool((each.get("job") or {}).get("id") == job)


def _written(record: dict[str, Any], form: Format) -> str:
    if form is Format.json:
        return output.as_json(record)
    write: Callable[[dict[str, Any]], str]
    try:
        module = import_module(f"orchestrator.exchange.{form}")
    except ModuleNotFoundError as error:
        raise Failure(f"{error.name} is not installed: pip install 'assay[export]'", Status.usage) from None
    write = module.bundle if form is Format.stix else module.event
    return write(record)
