"""Nothing lost, nothing stuck, nothing doubled, whatever dies while job tasks flow."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.chaos.conftest import is_long
from tests.chaos.storm import Storm
from tests.conftest import missing
from tests.integration.api import TestDatabase
from tests.integration.backends import OwnServer, get_binary_path, own_vhost, rabbitmq_runs
from tests.integration.house import House

PLACES = [("valkey", "sqlite"), ("valkey", "postgresql"), ("rabbitmq", "postgresql"), ("rabbitmq", "sqlite")]
#: What runs in CI: the embedded default, and what production uses.
SHORT = [("valkey", "sqlite"), ("rabbitmq", "postgresql")]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    places = PLACES if is_long(metafunc.config) else SHORT
    metafunc.parametrize("storm", places, indirect=True, ids="-".join)


@pytest.fixture
def storm(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storm]:
    """A house with nothing in it yet, and a broker that can be killed."""
    kind, database = request.param
    with ExitStack() as stack:
        server = None
        if kind == "rabbitmq":
            if not rabbitmq_runs():
                missing("RabbitMQ")
            url = stack.enter_context(own_vhost())
        else:
            server = OwnServer(str(get_binary_path())).start()
            stack.callback(server.close)
            url = server.url
        own = TestDatabase() if database == "postgresql" else None
        if own:
            stack.callback(own.drop)
        house = House(tmp_path, own.url if own else "", url, max_attempts=10, max_child_depth=0)
        stack.callback(house.close)
        yield Storm(house, server, seed=20261124)


def test_a_storm(storm: Storm, long: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """Every job task ends in one final state, with one final history row; an analysis is stored once."""
    storm.begin(processes=2)
    until = time.monotonic() + (240 if long else 8)
    storm.plant(20)
    while time.monotonic() < until:
        storm.plant(20 if long else 5)
        storm.fault()
        time.sleep(1 if long else 0.5)
    storm.rest()
    figures = storm.figures
    with capsys.disabled():
        print(f"\n{figures}")
    assert (figures.lost, figures.stuck, figures.doubled) == (0, 0, 0)
