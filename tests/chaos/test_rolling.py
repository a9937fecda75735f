"""A rolling restart: every process is replaced, one after the other, while jobs flow."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.chaos.audit import audit
from tests.chaos.load import Load
from tests.chaos.storm import REST, SEED, made_fleet
from tests.integration.backends import eventually


@pytest.mark.parametrize(("broker", "database"), [("redis", "postgresql")], ids=["redis-postgresql"])
def test_a_rolling_restart(tmp_path: Path, broker: str, database: str) -> None:
    """With two API processes nobody is sent away; no job task is lost, and none runs twice."""
    with made_fleet(tmp_path, broker, database) as fleet:
        fleet.launch(apis=2)
        load = Load(fleet, backlog=20, seed=SEED)
        load.start()
        try:
            for name in [*fleet.names("api"), *fleet.names("sweep"), *fleet.names("worker")]:
                goal = load.final_tasks + 10
                eventually(lambda goal=goal: load.final_tasks >= goal, fleet.why(), REST)  # type: ignore[misc]
                fleet.kill(name, signal.SIGTERM, wait=True)
                if name.startswith("worker"):
                    eventually(lambda name=name: fleet.ready(name), fleet.why(), REST)  # type: ignore[misc]
            load.stop()
            eventually(lambda: not load.open_tasks, fleet.why(), REST)
        finally:
            load.close()
        found = audit(fleet.begin, load.submissions, load.planted, fleet.ledger)
        assert found.sound, found
        assert found.attempts == 0, f"{found.causes}\n{fleet.why()}"
        assert ([each.text for each in load.refusals], load.unanswered) == ([], 0)
