"""Jobs, job tasks and what was found, as tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from orchestrator.cli import output
from orchestrator.cli.client import Client
from orchestrator.cli.failure import Failure
from orchestrator.cli.runs import Run, score_of

#: How much of a finding one line shows.
_BRIEF = 100
_FIELDS = 4


def job_tasks(client: Client, run: Run) -> Table:
    """One line per worker: state, time, score, what was found or what went wrong."""
    rows = [
        (
            row["worker"],
            output.state(row["state"]),
            output.duration(row.get("startTimestamp"), row.get("endTimestamp")),
            "" if (score := score_of(row)) is None else score,
            found(client, run.sha256, row),
        )
        for row in run.job_tasks
    ]
    title = f"{run.file}  {run.sha256[:16]}…  {output.size(run.size)}  job {run.job}"
    return output.table(title, ("worker", "state", "#time", "#score", "found"), rows)


def found(client: Client, sha256: str, row: Mapping[str, Any]) -> str:
    """What a job task found, or its message, in brief."""
    if row["state"] != "success" or not row["analyses"]:
        return str(row.get("message") or "")
    try:
        analysis = client.get(f"/sample/{sha256}/analysis/{row['analyses'][0]['id']}")
    except Failure as failure:
        return str(failure)
    return summary(analysis)


def summary(analysis: Mapping[str, Any]) -> str:
    """Detections and tags; where there are none, the first plain fields of the result."""
    parts = [each["name"] for each in analysis.get("triggeredDetections") or ()]
    parts += [f"{tag['type']}:{tag['value']}" for tag in analysis.get("tags") or ()]
    if not parts and isinstance(result := analysis.get("analysisResult"), dict):
        plain = ((name, value) for name, value in result.items() if _is_plain(value))
        parts = [f"{name}={value}" for name, value in list(plain)[:_FIELDS]]
    text = ", ".join(dict.fromkeys(parts))
    return text if len(text) <= _BRIEF else text[: _BRIEF - 1] + "…"


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int | float) and value not in ("", None)


def runs(made: Sequence[Run]) -> Table:
    """One line per submitted file."""
    rows = [(run.file, run.sha256, run.job or "", _state(run), *_counts(run)) for run in made]
    return output.table("Submitted", ("file", "sha256", "job", "state", "job tasks", "trouble"), rows)


def _state(run: Run) -> Text:
    if run.error is not None:
        return output.text("refused", style="red")
    return output.state(run.state) if run.state else output.text("not stored again")


def _counts(run: Run) -> tuple[str, str]:
    counted = Counter(row["state"] for row in run.job_tasks)
    troubles = [f"{row['worker']}: {row.get('message') or row['state']}" for row in _failed(run.job_tasks)]
    return ", ".join(f"{count} {state}" for state, count in counted.items()), run.error or "; ".join(troubles)


def _failed(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [row for row in rows if row["state"] in {"failed", "timeout", "cancelled"}]


def jobs(rows: Iterable[Mapping[str, Any]]) -> Table:
    """One line per job."""
    return output.table(
        "Jobs",
        ("job", "state", "sample", "#size", "customer", "enqueued", "#took"),
        [
            (
                row["id"],
                output.state(row["state"]),
                row["analysedSample"]["id"],
                output.size(row["analysedSample"].get("size") or 0),
                row["customer"]["shortName"],
                output.moment(row["enqueuedTimestamp"]),
                output.duration(row["enqueuedTimestamp"], row.get("endTimestamp")),
            )
            for row in rows
        ],
    )
