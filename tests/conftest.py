"""Fixtures for all levels of tests."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import structlog
from sqlalchemy.exc import OperationalError

from orchestrator.store import migrations
from orchestrator.store.engine import make_engine
from tests.integration.api import Api, TestDatabase

# the default renders every local variable of a traceback, for seconds
structlog.configure(
    processors=[structlog.processors.format_exc_info, structlog.dev.ConsoleRenderer(colors=False)],
)


# CI tells whether this change is sound, not whether luck finds a new example; that is for a laptop
hypothesis.settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    hypothesis.settings.load_profile("ci")


def missing(service: str) -> None:
    """A service that is not there: skip on a laptop, fail in CI."""
    if os.environ.get("ASSAY_TEST_SERVICES") == "required":
        pytest.fail(f"{service} is not running")
    pytest.skip(f"{service} is not running")


@pytest.fixture(scope="session")
def postgresql_database() -> Iterator[TestDatabase]:
    """One database for all tests of this process: making and dropping one takes seconds."""
    try:
        database = TestDatabase()
    except OperationalError:
        missing("PostgreSQL")
        raise
    database.migrate()
    yield database
    database.drop()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as a file."""
    path = tmp_path_factory.mktemp("template") / "assay.sqlite3"
    engine = make_engine(f"sqlite:///{path}")
    migrations.upgrade(engine)
    engine.dispose()
    return path


@pytest.fixture
def postgresql(postgresql_database: TestDatabase) -> Iterator[str]:
    """The URL of a PostgreSQL database with the newest schema and no rows."""
    yield postgresql_database.url
    postgresql_database.empty()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of this test's own with the newest schema, over each backend."""
    if request.param == "postgresql":
        url: str = request.getfixturevalue("postgresql")
        return url
    path = tmp_path / "assay.sqlite3"
    shutil.copy(request.getfixturevalue("sqlite_template"), path)
    return f"sqlite:///{path}"


@pytest.fixture
def api(tmp_path: Path, database_url: str) -> Iterator[Api]:
    """The API without a server, over each database."""
    made = Api(tmp_path, database_url)
    yield made
    made.close()
