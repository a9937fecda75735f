"""No search reads a large table from end to end where an index can serve.

The rows are made by the database itself: 40,000 samples, or as many as ``ASSAY_TEST_SAMPLES`` says.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from orchestrator.domain.clock import now
from orchestrator.store import migrations
from orchestrator.store.engine import make_engine
from orchestrator.store.tables.base import to_millis
from orchestrator.store.unit_of_work import UnitOfWork
from tests.conftest import missing
from tests.integration.api import TestDatabase
from tests.integration.generated import fill, plan
from tests.integration.searches import SEARCHES, Search, statements

pytestmark = pytest.mark.timeout(3600)

SAMPLES = int(os.environ.get("ASSAY_TEST_SAMPLES", "40000"))

_LARGE = "sample|submission|analysis|link|verdict|classification|static_fact"
_WHOLE = re.compile(rf"Seq Scan on (?:{_LARGE})\b.*")


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """A database with a year of samples."""
    try:
        database = TestDatabase()
    except OperationalError:
        missing("PostgreSQL")
        raise
    made = make_engine(database.url)
    try:
        migrations.upgrade(made)
        fill(made, SAMPLES, to_millis(now()))
        yield made
    finally:
        made.dispose()
        database.drop()


@pytest.mark.parametrize("search", SEARCHES, ids=[search.name for search in SEARCHES])
def test_no_search_reads_a_large_table_from_end_to_end(engine: Engine, search: Search) -> None:
    """As the planner honestly says of every statement that the search sends."""
    with UnitOfWork(engine, write=False) as uow:
        with statements(uow.session) as sent:
            search.run(uow)
        assert sent
        for statement, parameters in list(sent):
            shown = plan(uow.session.connection(), statement, parameters)
            assert not _WHOLE.search(shown), f"{statement}\n{shown}"


def test_a_whole_reading_would_be_noticed(engine: Engine) -> None:
    """The assertion above can fail: nothing but a reading from end to end finds a part of two letters."""
    with engine.connect() as connection:
        shown = plan(connection, "SELECT * FROM submission WHERE search LIKE '%%x%%'", {})
        assert _WHOLE.search(shown)
        connection.execute(text("SET enable_indexscan = off"))
        connection.execute(text("SET enable_bitmapscan = off"))
        assert _WHOLE.search(plan(connection, "SELECT * FROM sample WHERE md5 = 'x'", {}))
