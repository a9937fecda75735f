"""The migrations, over each database: they make the tables that the code knows, and keep what was there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import OperationalError

from orchestrator.store import migrations
from orchestrator.store.engine import make_engine
from orchestrator.store.tables import Base
from tests.conftest import missing
from tests.integration import first_store
from tests.integration.api import Api, TestDatabase

#: Made by migrations alone: SQLAlchemy has no word for them that SQLite would skip.
_UNDECLARED = re.compile(r"ix_\w+_search_trigram")

_DEFINITIONS = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL",
    "postgresql": "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
}


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database with nothing in it."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'assay.sqlite3'}"
        return
    try:
        database = TestDatabase()
    except OperationalError:
        missing("PostgreSQL")
        raise
    yield database.url
    database.drop()


@pytest.fixture
def empty(empty_url: str) -> Iterator[Engine]:
    engine = make_engine(empty_url)
    yield engine
    engine.dispose()


def _indexes(engine: Engine) -> dict[str, str]:
    with engine.connect() as connection:
        found = connection.execute(text(_DEFINITIONS[engine.dialect.name])).all()
    return {
        name: re.sub(r'[\s"]+', " ", definition)
        for name, definition in found
        if name != "alembic_version_pkc" and not _UNDECLARED.fullmatch(name)
    }


def _declared_for_sqlite() -> set[str]:
    """The indexes that the tables declare for SQLite."""
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    names = set(_indexes(engine))
    engine.dispose()
    return names


@pytest.mark.filterwarnings("ignore:.*expression-based index")
def test_the_migrations_make_what_the_tables_say(empty: Engine) -> None:
    """Tables, columns, types, constraints: nothing is left for another migration to do."""
    migrations.upgrade(empty)
    sqlite = _declared_for_sqlite() if empty.dialect.name == "sqlite" else None

    def compared(_what: Any, name: str | None, kind: str, _reflected: bool, _other: Any) -> bool:
        if kind != "index" or name is None:
            return True
        # expressions are compared below, by their text
        return not _UNDECLARED.fullmatch(name) and "_beginning" not in name and (not sqlite or name in sqlite)

    with empty.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"include_object": compared, "compare_type": True}
        )
        assert compare_metadata(context, Base.metadata) == []


def test_the_migrations_make_the_same_indexes(empty: Engine, tmp_path: Path) -> None:
    """To the letter: the columns, their order, and the condition."""
    migrations.upgrade(empty)
    migrated = _indexes(empty)
    if empty.dialect.name == "sqlite":
        other = make_engine(f"sqlite:///{tmp_path / 'other.sqlite3'}")
        Base.metadata.create_all(other)
    else:
        other = empty
        with other.begin() as connection:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
            Base.metadata.create_all(connection)
    assert len(migrated) > 50
    assert migrated == _indexes(other)
    other.dispose()


def test_upgrading_twice_changes_nothing(empty: Engine) -> None:
    assert migrations.current(empty) is None
    migrations.upgrade(empty)
    assert migrations.current(empty) == migrations.head()
    before = _indexes(empty)
    migrations.upgrade(empty)
    assert _indexes(empty) == before


def test_a_filled_store_of_the_first_release(empty_url: str, tmp_path: Path) -> None:
    """After the upgrade the API answers with everything that was there, and the open job goes on."""
    engine = make_engine(empty_url)
    migrations.upgrade(engine, "0001")
    first_store.fill(engine)
    migrations.upgrade(engine)
    engine.dispose()
    api = Api(tmp_path, empty_url)
    try:
        _check(api)
    finally:
        api.close()


def _check(api: Api) -> None:
    def read(path: str) -> Any:
        answer = api.get(path, key=first_store.KEY)
        assert answer.status_code == 200, f"{path}: {answer.text}"
        return answer.json()["data"]

    sample = f"/sample/{first_store.SHA256}"
    assert read(sample)["size"] == 5
    [submission] = read(f"{sample}/submission")
    assert (submission["fileName"], submission["metaData"]) == ("first.bin", {"case": "7"})
    assert submission["submittedTimestamp"] == first_store.MADE
    [analysis] = read(f"{sample}/analysis")
    assert (analysis["analysisScore"], analysis["analysisResult"]) == (90, {"entropy": 7.5})
    [evidence] = read(f"{sample}/analysis/{first_store.ANALYSIS}/evidence")
    assert evidence["fileName"] == "macro.txt"
    assert [each["referencedSample"]["sha256"] for each in read(f"{sample}/link")] == ["0" * 64]
    assert [each["value"] for each in read(f"{sample}/fact")] == ["v"]
    assert [each["type"] for each in read(f"{sample}/classification")] == ["text"]
    assert len(read(f"{sample}/verdict")) == 1
    assert read(f"/job/{first_store.JOB}")["state"] == "executing"
    states = {each["worker"]: each["state"] for each in read(f"/job/{first_store.JOB}/tasks")}
    assert states == {"hashes": "success", "yara": "enqueued"}
    assert "hashes" in [each["shortName"] for each in read("/worker")]
    assert [each["name"] for each in read("/policy/default/rule")] == ["all"]
    assert [each["state"] for each in read(f"/servicetask/{first_store.RUN}")] == ["done"]
    moved = api.put(
        f"/job/{first_store.JOB}/task/{first_store.WAITING}", {"state": "executing"}, key=first_store.KEY
    )
    assert moved.status_code == 200, moved.text
