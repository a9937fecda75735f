"""Stores behind the pages, and a visitor who is signed in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from orchestrator.domain.vocabulary import Role
from orchestrator.services import executing
from orchestrator.worker import Findings, Sample, analysis_worker
from tests.integration.api import Api
from tests.unit.web.browsing import Visit


@analysis_worker("looker", version="1.0")
def _looker(_sample: Sample) -> Findings:
    return Findings()


@pytest.fixture
def house(tmp_path, database_url) -> Iterator[Api]:
    """The stores behind the pages, with a worker to plan for."""
    made = Api(tmp_path, database_url, max_sample_size=100_000)
    with made.begin() as uow:
        executing.announce(uow, [_looker])
    yield made
    made.close()


@pytest.fixture
def visit(house) -> Visit:
    """An analyst who is signed in."""
    return Visit(house, Role.analyzer)
