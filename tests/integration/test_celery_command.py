"""Celery's own command line: ``celery -A orchestrator.celeryapp worker``."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.domain.vocabulary import JobTaskState
from tests.conftest import missing
from tests.integration.backends import broker, dies_with_us, eventually
from tests.integration.house import House, end

CELERY = [sys.executable, "-W", "ignore", "-m", "celery", "-A", "orchestrator.celeryapp", "worker"]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """The embedded default, with no process in it."""
    with broker("valkey", missing) as url:
        made = House(tmp_path, "", url)
        yield made
        made.close()


def environment(house: House) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ASSAY_")}
    clean |= {"ASSAY_DATA_DIR": str(house.settings.folder), "ASSAY_BROKER_URL": house.settings.broker}
    return {**clean, "PYTHONPATH": str(house.behaving)}


def test_it_serves_the_queues_that_it_is_given(house: House) -> None:
    """``-Q`` chooses analysis workers by their queues."""
    command = dies_with_us([*CELERY, "-Q", "analysis.behave", "--loglevel", "warning"])
    log = house.settings.folder / "celery.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment(house), stdout=output, stderr=subprocess.STDOUT)
    try:
        eventually(lambda: house.lives(process.pid) or process.poll() is not None)
        assert process.poll() is None, log.read_text()
        job_id = house.plant("by Celery's own command", "behave", "steady")
        house.until(job_id, JobTaskState.success)
        assert house.job_task(job_id, "steady").state is JobTaskState.enqueued
    finally:
        end(process)
    assert process.returncode == 0


def test_a_pool_that_would_not_wait_for_claims(house: House) -> None:
    """Any other pool is refused at the start, in one clear sentence."""
    done = subprocess.run(
        [*CELERY, "-P", "threads"],
        env=environment(house),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode != 0
    assert "leave out -P" in done.stdout + done.stderr
