"""``assay worker replay``: what a recorded job task ran, run again on this machine, and compared."""

from __future__ import annotations

import pdb  # noqa: T100 - what --debug is for
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from orchestrator.cli import findings, output
from orchestrator.cli.client import Client, connect
from orchestrator.cli.failure import Failure, Status
from orchestrator.cli.told import sample_of
from orchestrator.sandbox import Ending, Level, Outcome, Sandbox, wire
from orchestrator.settings import Settings, load
from orchestrator.worker import (
    AnalysisWorker,
    Findings,
    NothingForMe,
    Sample,
    TemporaryError,
    UnknownWorker,
    find,
    may_use_network,
)

#: The state in which each ending leaves a job task.
_STATES = {
    Ending.finished: "success",
    Ending.nothing: "success",
    Ending.temporary: "enqueued",
    Ending.failed: "failed",
    Ending.crashed: "failed",
    Ending.refused: "failed",
    Ending.timeout: "timeout",
}
#: What a side of the comparison does not have.
_ABSENT = "(absent)"
_LONGEST = 120

Difference = tuple[str, Any, Any]


def replay(
    job_task: Annotated[str, typer.Argument(metavar="JOB_TASK", help="A job task's id.")],
    debug: Annotated[
        bool, typer.Option("--debug", help="Run it under Python's debugger, in this process.")
    ] = False,
    outside_sandbox: Annotated[
        bool, typer.Option("--outside-sandbox", help="Needed with --debug: nothing confines the run.")
    ] = False,
    keep: Annotated[Path | None, typer.Option(help="A new folder for evidence and extracted files.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Run the worker of a recorded job task again, here, on the same sample with the same options.

    Exits with 1 if the result is not the recorded one. Needs an analyzer's key; the worker has to be here.
    """
    if debug and not outside_sandbox:
        raise Failure(
            "--debug runs the worker on the sample in this process, with all your rights and no sandbox: "
            "do it on a machine that may be lost, and say --outside-sandbox",
            Status.usage,
        )
    settings = load()
    with connect() as client, tempfile.TemporaryDirectory(prefix="assay-replay-") as folder:
        run = client.get(f"/jobtask/{job_task}")
        worker = _worker(run["task"]["worker"])
        sample = _fetch(client, run, Path(folder), keep, settings)
        outcome = _debug(worker, sample) if debug else _sandboxed(worker, sample, settings)
        found = list(_compare(client, run, outcome))
        if json:
            output.print_json(_as_json(run, worker, outcome, found))
        else:
            findings.show(worker.name, outcome)
            _show(run, worker, found)
    if found:
        raise typer.Exit(Status.failed)


def _worker(name: str) -> AnalysisWorker:
    try:
        return find(name)
    except UnknownWorker as error:
        raise Failure(f"{error}; `assay doctor` lists what is installed", Status.missing) from None


def _fetch(
    client: Client, run: dict[str, Any], folder: Path, keep: Path | None, settings: Settings
) -> Sample:
    """The sample's bytes, checked, and what the worker was told of it."""
    told = run["sample"]
    path = folder / "sample"
    with path.open("wb") as file:
        client.download(f"/sample/{told['sha256']}/raw", file.write)
    scratch = keep or folder / "scratch"
    scratch.mkdir(parents=True)
    return sample_of(told, path, scratch, settings)


def _sandboxed(worker: AnalysisWorker, sample: Sample, settings: Settings) -> Outcome:
    readable = settings.worker_options.values()
    with Sandbox(Level(settings.sandbox_minimum), [worker.name], readable=readable) as sandbox:
        return sandbox.run(worker.name, sample, network=may_use_network(worker, sample.options))


def _debug(worker: AnalysisWorker, sample: Sample) -> Outcome:
    """Run it under the debugger: stopped at its first line, and again where it raises."""
    output.err.print(output.text("outside the sandbox, under pdb: `c` runs on, `q` ends", style="bold red"))
    began = time.monotonic()
    ending, message, found = Ending.finished, "", None
    try:
        found = _under_debugger(worker, sample)
    except NothingForMe as error:
        ending, message = Ending.nothing, str(error)
    except TemporaryError as error:
        ending, message = Ending.temporary, str(error)
    except Failure:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
        pdb.post_mortem(error.__traceback__)
        ending, message = Ending.failed, f"{type(error).__name__}: {error}"
    return Outcome(ending, message, Level.rlimits, time.monotonic() - began, found)


def _under_debugger(worker: AnalysisWorker, sample: Sample) -> Findings | None:
    """The findings as the sandbox would have handed them on."""
    found = pdb.Pdb().runcall(worker.analyse, sample)
    if found is None:
        raise Failure("the debugger was left before the worker had returned")
    if not isinstance(found, Findings):
        raise TypeError(f"the worker returned {type(found).__name__}, not Findings")
    return wire.decode(wire.encode("finished", "", wire.flatten(found, worker, sample.scratch)))[2]


def _compare(client: Client, run: dict[str, Any], outcome: Outcome) -> Iterator[Difference]:
    """Where this run came to something else than the recorded one; nothing where that is still open."""
    recorded = run["task"]
    if recorded["state"] in {"enqueued", "executing"}:
        return
    state = _STATES[outcome.ending]
    if recorded["state"] != state:
        yield "state", recorded["state"], state
    if (recorded.get("message") or "") != outcome.message:
        yield "message", recorded.get("message") or "", outcome.message
    if recorded["state"] != "success" or state != "success" or not recorded["analyses"]:
        return
    analysis = client.get(f"/sample/{run['sample']['sha256']}/analysis/{recorded['analyses'][0]['id']}")
    here = findings.findings_json(outcome.findings or Findings())
    pairs = {"analysisScore": "score", "triggeredDetections": "detections", "tags": "tags"}
    for theirs, ours in {**pairs, "analysisResult": "result"}.items():
        yield from differences(ours, analysis.get(theirs), here[ours])


def differences(path: str, recorded: Any, here: Any) -> Iterator[Difference]:
    """Where two JSON values differ, objects field by field."""
    if isinstance(recorded, dict) and isinstance(here, dict):
        for key in sorted(recorded.keys() | here.keys()):
            yield from differences(f"{path}.{key}", recorded.get(key, _ABSENT), here.get(key, _ABSENT))
    elif recorded != here:
        yield path, recorded, here


def _as_json(
    run: dict[str, Any], worker: AnalysisWorker, outcome: Outcome, found: list[Difference]
) -> dict[str, Any]:
    names = ("path", "recorded", "here")
    return {
        "recorded": run,
        "version": worker.version,
        "here": findings.outcome_json(outcome),
        "differences": [dict(zip(names, each, strict=True)) for each in found],
    }


def _show(run: dict[str, Any], worker: AnalysisWorker, found: list[Difference]) -> None:
    task, version = run["task"], run.get("workerVersion")
    if version and version != worker.version:
        output.out.print(output.text(f"recorded with version {version}, here is {worker.version}", "yellow"))
    if task["state"] in {"enqueued", "executing"}:
        output.out.print(output.text(f"nothing to compare with: the job task is {task['state']}"))
    elif not found:
        output.out.print(output.text(f"the same as recorded: {task['state']}", style="green"))
    else:
        rows = [(path, _brief(recorded), _brief(here)) for path, recorded, here in found]
        output.out.print(output.table("Not as recorded", ("what", "recorded", "here"), rows))


def _brief(value: Any) -> str:
    text = str(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
