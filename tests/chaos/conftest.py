"""``--chaos long`` runs for minutes instead of seconds, and over every broker and database."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos import report


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--chaos", choices=["short", "long"], default="short", help="how long to inject faults")
    parser.addoption("--write", action="store_true", help="write the figures into the docs")


def is_long(config: pytest.Config) -> bool:
    """Whether this is the long version; run from above this folder, the option is not known."""
    return bool(config.getoption("--chaos", default="short") == "long")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A storm takes longer than other tests; the long one as long as it takes."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.timeout(0 if is_long(config) else 900))


@pytest.fixture
def long(request: pytest.FixtureRequest) -> bool:
    """Whether this is the long version."""
    return is_long(request.config)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the tables, and write the page where that is asked for."""
    figures = report.kept()
    if not figures:
        return
    command = "make chaos ARGS=--write" if is_long(config) else "python -m pytest tests/chaos --write"
    terminalreporter.write_line(report.page(figures, command))
    if config.getoption("--write", default=False):
        report.write(figures, command)
