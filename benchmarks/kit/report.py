"""A benchmark's page, and the index of all pages: Markdown, with plots beside it."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.kit import machine

PAGES = Path(__file__).parents[2] / "docs" / "benchmarks"
#: In the order in which the index shows them; others follow by name.
ORDER = ("recording", "peers", "creating", "reading", "waiting", "growth", "soak", "sandbox", "chaos")


_PREAMBLE = """
`make bench` takes these figures, `make bench-quick` a small version that writes nothing, `make bench-growth`
fills a database with ten million job tasks, `make chaos` injects faults. Every figure is the median of rounds
that took turns, with its range.
"""


@dataclass(frozen=True, slots=True)
class Table:
    """Columns and rows of text."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    title: str = ""

    def markdown(self) -> str:
        """As Markdown; a bar within a cell does not end it."""
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"{len(row)} cells for {len(self.columns)} columns: {row}")
        lines = [self.columns, ["---"] * len(self.columns), *self.rows]
        return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


@dataclass(slots=True)
class Report:
    """What one benchmark found. The first table is also shown in the index."""

    name: str
    title: str
    command: str
    tables: list[Table]
    #: What is measured, and how to read it; paragraphs, wrapped anywhere.
    text: str = ""
    #: SVG by a short name.
    plots: Mapping[str, str] = field(default_factory=dict)

    def markdown(self) -> str:
        """The whole page."""
        first, *others = self.tables
        parts = [f"# {self.title}", *paragraphs(self.text), first.markdown()]
        parts += [f"![{plot}]({self._file(plot)})" for plot in self.plots]
        for table in others:
            parts += [f"## {table.title}", table.markdown()]
        parts.append(f"Taken by `{self.command}`: {machine.circumstances()}. [The machine](index.md#machine)")
        return "\n\n".join(parts) + "\n"

    def write(self, folder: Path = PAGES) -> None:
        """Write the page and its plots, and the index anew."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{self.name}.md").write_text(self.markdown())
        for plot, drawn in self.plots.items():
            (folder / self._file(plot)).write_text(drawn)
        write_index(folder)

    def _file(self, plot: str) -> str:
        return f"{self.name}-{plot.replace(' ', '-')}.svg"

    def finish(self, *, write: bool) -> None:
        """Print the tables; write the page where that was asked for."""
        for table in self.tables:
            print(f"\n{table.title or self.title}\n\n{table.markdown()}")
        if write:
            self.write()


def paragraphs(text: str) -> list[str]:
    """Paragraphs, each wrapped anew."""
    return [textwrap.fill(" ".join(each.split()), 110) for each in text.split("\n\n") if each.strip()]


def write_index(folder: Path) -> None:
    """The index: the machine, and the first table of every page there is."""
    (folder / "index.md").write_text(index(folder, machine.describe()))


def index(folder: Path, facts: Sequence[tuple[str, str]]) -> str:
    """The index's text."""
    pages = {path.stem: path.read_text() for path in sorted(folder.glob("*.md")) if path.stem != "index"}
    parts = [
        "# Benchmarks",
        *paragraphs(_PREAMBLE),
        "## Machine",
        Table(("what", "value"), facts).markdown(),
    ]
    for name in sorted(pages, key=lambda each: (ORDER.index(each) if each in ORDER else len(ORDER), each)):
        parts += [f"## [{heading(pages[name])}]({name}.md)", first_table(pages[name])]
    return "\n\n".join(part for part in parts if part) + "\n"


def heading(page: str) -> str:
    """The title of a page."""
    return next((line[2:] for line in page.splitlines() if line.startswith("# ")), "")


def first_table(page: str) -> str:
    """The first table of a page; empty where it has none."""
    lines: list[str] = []
    for line in page.splitlines():
        if line.startswith("|"):
            lines.append(line)
        elif lines:
            break
    return "\n".join(lines)
