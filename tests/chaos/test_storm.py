"""Nothing lost, nothing stuck, nothing doubled, whatever dies while job tasks flow."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.conftest import is_long
from tests.chaos.report import keep, line
from tests.chaos.storm import made_fleet, run

PLACES = [
    (broker, database) for broker in ("valkey", "redis", "rabbitmq") for database in ("sqlite", "postgresql")
]
#: What runs in CI: the embedded default, and servers that production uses.
SHORT = [("valkey", "sqlite"), ("redis", "postgresql")]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    places = PLACES if is_long(metafunc.config) else SHORT
    metafunc.parametrize(("broker", "database"), places, ids=["-".join(each) for each in places])


def test_a_storm(
    tmp_path: Path, broker: str, database: str, long: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every job task ends once, in one final state; a submission that was answered 201 is never lost."""
    scale = {"job_tasks": 3000, "rounds": 8, "outage": 4.0, "backlog": 100}
    if not long:
        scale = {"job_tasks": 150, "rounds": 1, "outage": 1.0, "backlog": 30}
    with made_fleet(tmp_path, broker, database, max_attempts=20) as fleet:
        fleet.launch()
        figures = run(fleet, f"{broker} + {database}", **scale)  # type: ignore[arg-type]
    keep(figures)
    with capsys.disabled():
        print(f"\n{line(figures)}")
    assert figures.findings.sound, figures.findings
    assert figures.surprises == [], "a process ended that nobody had killed"
