"""The figures of a storm as a line, and those of many as a page."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import psutil

from tests.chaos.storm import Figures

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks" / "chaos.md"

_HEAD = """# What faults do

Every process of the service, over servers that are killed, cut off, slowed down and filled up while
submissions flow in over the API. Afterwards every row of the store is looked at: see `tests/chaos/audit.py`.

- **lost**: a submission that was answered 201, or its job, is not there.
- **stuck**: a job or a job task is not closed.
- **doubled**: two final history rows, two analyses, or the same attempt run twice.
- **crooked**: a history that contradicts itself or its job task, or a loss that does not say what was lost.

Recovery is the time from a fault until everything is final that was open then, outages and the wait behind
other work included.

Made by `"""

_kept: list[Figures] = []


def keep(figures: Figures) -> None:
    """Remember a storm's figures for the end of the test run."""
    _kept.append(figures)


def kept() -> Sequence[Figures]:
    return tuple(_kept)


def line(figures: Figures) -> str:
    """What a test prints."""
    found = figures.findings
    return (
        f"{figures.place}: {figures.faults.total()} faults, {found.job_tasks} job tasks, "
        f"{found.attempts} attempts beyond the first; lost {len(found.lost)}, stuck {len(found.stuck)}, "
        f"doubled {len(found.doubled)}, crooked {len(found.crooked)}; longest recovery "
        f"{max(figures.recovered.values(), default=0.0):.1f} s; {figures.seconds:.0f} s in all"
    )


def write(all_figures: Sequence[Figures], command: str) -> None:
    """Replace the page."""
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(all_figures, command))


def page(all_figures: Sequence[Figures], command: str) -> str:
    """Two tables: what was left, and what each kind of fault took."""
    busy = psutil.getloadavg()[0]
    where = (
        f"{command}` on {datetime.now(UTC):%Y-%m-%d}, {platform.system()} {platform.machine()}, "
        f"{psutil.cpu_count()} processors (load average at the end: {busy:.0f}), Python "
        f"{platform.python_version()}.\n"
    )
    return "\n".join([_HEAD + where, _totals(all_figures), _kinds(all_figures)])


def _totals(all_figures: Sequence[Figures]) -> str:
    columns = "broker + database", "faults", "submissions", "job tasks", "attempts beyond the first"
    columns += "lost", "stuck", "doubled", "crooked", "refused clearly", "seconds"
    rows = []
    for each in all_figures:
        found = each.findings
        wrong = (found.lost, found.stuck, found.doubled, found.crooked)
        counts = (each.faults.total(), each.submissions, found.job_tasks, found.attempts)
        rows.append((each.place, *counts, *map(len, wrong), each.refused, round(each.seconds)))
    return _table(columns, rows)


def _kinds(all_figures: Sequence[Figures]) -> str:
    kinds = sorted({kind for each in all_figures for kind in each.faults})
    columns = ("fault", "injected", *(f"{each.place}: longest recovery, s" for each in all_figures))
    rows = []
    for kind in kinds:
        times = (each.recovered.get(kind) for each in all_figures)
        cells = ("-" if seconds is None else f"{seconds:.1f}" for seconds in times)
        rows.append((kind, sum(each.faults[kind] for each in all_figures), *cells))
    return _table(columns, rows)


def _table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(map(str, each))} |\n" for each in lines)
