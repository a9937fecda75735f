"""Jobs as the command line follows them: polled over the API until nothing is open."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator.cli.client import Client

CLOSED = frozenset({"done", "timeout"})
_FINAL = frozenset({"success", "failed", "cancelled", "timeout"})

#: Seconds between two looks, and how many open jobs one look covers.
_PAUSE = 0.25
_GLANCE = 25


@dataclass
class Run:
    """A submitted file and its job, as far as known."""

    file: str
    sha256: str = ""
    size: int = 0
    exists: bool = False
    submission: str | None = None
    job: str | None = None
    state: str = ""
    job_tasks: list[dict[str, Any]] = field(default_factory=list)
    error: str | None = None

    @property
    def closed(self) -> bool:
        """Nothing more will happen."""
        return self.job is None or self.state in CLOSED

    @property
    def well(self) -> bool:
        """Accepted, and every job task that is final succeeded."""
        states = {each["state"] for each in self.job_tasks}
        return self.error is None and self.state != "timeout" and not states & (_FINAL - {"success"})

    @property
    def finished(self) -> int:
        return sum(each["state"] in _FINAL for each in self.job_tasks)

    def look(self, client: Client) -> None:
        """Read the job and its job tasks."""
        # the job first: what it said when closed stays true of the job tasks read after it
        self.state = client.get(f"/job/{self.job}")["state"]
        self.job_tasks = list(client.every(f"/job/{self.job}/tasks"))

    def as_json(self) -> dict[str, Any]:
        """The stable fields that ``--json`` prints."""
        return {
            "file": self.file,
            "sha256": self.sha256,
            "size": self.size,
            "exists": self.exists,
            "submission": self.submission,
            "job": self.job,
            "state": self.state,
            "ok": self.well,
            "error": self.error,
            "tasks": [job_task_json(each) for each in self.job_tasks],
        }


def job_task_json(row: dict[str, Any]) -> dict[str, Any]:
    """The stable fields of a job task; ``score`` is the first analysis's."""
    names = ("enqueuedTimestamp", "startTimestamp", "endTimestamp")
    return {
        "id": row["id"],
        "worker": row["worker"],
        "state": row["state"],
        "message": row.get("message"),
        "score": score_of(row),
        "analyses": [each["id"] for each in row["analyses"]],
        **{name: row.get(name) for name in names},
    }


def score_of(row: dict[str, Any]) -> int | None:
    """The score of a job task's first analysis."""
    return row["analyses"][0]["analysisScore"] if row["analyses"] else None


def follow(client: Client, runs: Sequence[Run]) -> Iterator[None]:
    """Look at the open jobs again and again, yielding after each look, until all are closed."""
    while open_runs := [run for run in runs if not run.closed]:
        for run in open_runs[:_GLANCE]:
            run.look(client)
        yield
        if any(not run.closed for run in open_runs):
            time.sleep(_PAUSE)
