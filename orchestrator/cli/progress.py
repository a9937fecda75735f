"""What a terminal shows while jobs run: a bar, and a line per open job with a sign per worker."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from rich.console import Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from orchestrator.cli import output
from orchestrator.cli.client import Client
from orchestrator.cli.runs import Run, follow

#: Lines of the terminal that the jobs leave free.
_MARGIN = 6


def wait(client: Client, runs: Sequence[Run], *, narrate: bool = False) -> None:
    """Return when every job is closed; show what happens meanwhile where a person can see it.

    With ``narrate``, every change is a line where there is no terminal to draw on.
    """
    bar = Progress(
        TextColumn("job tasks"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=output.err
    )
    meter = bar.add_task("", total=None)
    told: dict[str, str] = {}
    with Live(console=output.err, transient=True, refresh_per_second=8, auto_refresh=False) as live:
        for _ in follow(client, runs):
            total = sum(len(run.job_tasks) for run in runs)
            bar.update(meter, total=total or None, completed=sum(run.finished for run in runs))
            if narrate and not output.err.is_terminal:
                _narrate(runs, told)
            live.update(Group(bar, *_lines(runs)), refresh=output.err.is_terminal)


def _narrate(runs: Sequence[Run], told: dict[str, str]) -> None:
    for run in runs:
        for row in run.job_tasks:
            if told.get(row["id"]) != row["state"]:
                told[row["id"]] = row["state"]
                line = output.text(f"{run.file:24.24} {row['worker']:12} ").append_text(
                    output.state(row["state"])
                )
                output.err.print(line)


def _lines(runs: Sequence[Run]) -> list[Text]:
    room = max(3, shutil.get_terminal_size().lines - _MARGIN)
    shown = [run for run in runs if not run.closed][:room]
    return [_line(run) for run in shown]


def _line(run: Run) -> Text:
    line = output.text(f"{run.file[-40:]:40} ", style="bold")
    for row in run.job_tasks:
        sign = output.state(row["state"])
        line.append(f"{sign.plain[0]} {output.clean(row['worker'])}  ", style=sign.style)
    return line
