"""Runs ``assay …`` with a clock that a test can step, and a ledger of what a worker process really ran.

Both are files that the environment names. The clock's holds the seconds that the clock is ahead; the ledger
gets one line for each analysis that begins: job task, attempt, process.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from orchestrator.domain import clock

_CLOCK = Path(os.environ["CHAOS_CLOCK"])
_LEDGER = os.environ["CHAOS_LEDGER"]


def stepped_now() -> datetime:
    """As :func:`orchestrator.domain.clock.now`, by a clock that may have stepped."""
    ahead = 0.0
    with suppress(OSError, ValueError):
        ahead = float(_CLOCK.read_bytes())
    moment = datetime.now(UTC) + timedelta(seconds=ahead)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def main() -> None:
    """Put both in place before anything of Assay's asks for the time; then be ``assay``."""
    clock.now = stepped_now
    from orchestrator.broker import analyst

    run = analyst.Analyst.__call__

    def noting(self: analyst.Analyst, assignment: analyst.Assignment) -> object:
        line = f"{assignment.job_task_id} {assignment.attempt} {os.getpid()}\n"
        handle = os.open(_LEDGER, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(handle, line.encode())
        finally:
            os.close(handle)
        return run(self, assignment)

    analyst.Analyst.__call__ = noting  # type: ignore[method-assign, assignment]
    from orchestrator.cli.app import main as assay

    sys.argv[0] = "assay"
    assay()


if __name__ == "__main__":
    main()
