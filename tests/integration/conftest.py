"""Fixtures over each database and each broker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import missing
from tests.integration.api import TestDatabase
from tests.integration.backends import BROKERS, broker
from tests.integration.house import House

COMBINATIONS = [(kind, database) for kind in BROKERS for database in ("sqlite", "postgresql")]


@pytest.fixture(scope="module", params=COMBINATIONS, ids="-".join)
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house over one broker and one database, with a worker process and a sweep, for a whole module."""
    kind, database = request.param
    folder: Path = tmp_path_factory.mktemp("house")
    with broker(kind, missing) as broker_url:
        own = TestDatabase() if database == "postgresql" else None
        made = House(folder, own.url if own else "", broker_url)
        try:
            made.worker()
            made.sweep()
            yield made
        finally:
            made.close()
            if own:
                own.drop()
