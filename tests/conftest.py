"""Fixtures for all levels of tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from tests.integration.api import Api, TestDatabase


def missing(service: str) -> None:
    """A service that is not there: skip on a laptop, fail in CI."""
    if os.environ.get("ASSAY_TEST_SERVICES") == "required":
        pytest.fail(f"{service} is not running")
    pytest.skip(f"{service} is not running")


@pytest.fixture
def postgresql() -> Iterator[str]:
    """The URL of an empty PostgreSQL database of this test's own."""
    try:
        database = TestDatabase()
    except OperationalError:
        missing("PostgreSQL")
        raise
    yield database.url
    database.drop()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of this test's own, over each backend."""
    if request.param == "postgresql":
        url: str = request.getfixturevalue("postgresql")
        return url
    return f"sqlite:///{tmp_path / 'assay.sqlite3'}"


@pytest.fixture
def api(tmp_path: Path, database_url: str) -> Iterator[Api]:
    """The API without a server, over each database."""
    made = Api(tmp_path, database_url)
    yield made
    made.close()
