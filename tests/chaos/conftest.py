"""``--chaos long`` runs for minutes instead of seconds, and over every broker and database."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--chaos", choices=["short", "long"], default="short", help="how long to inject faults")


def is_long(config: pytest.Config) -> bool:
    """Whether this is the long version; run from above this folder, the option is not known."""
    return bool(config.getoption("--chaos", default="short") == "long")


@pytest.fixture
def long(request: pytest.FixtureRequest) -> bool:
    """Whether this is the long version."""
    return is_long(request.config)
