"""Faults in turns while job tasks flow, and the figures that are left when it is over."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import func, select

from orchestrator.store.tables import SetAside
from tests.chaos.audit import Findings, audit
from tests.chaos.faults import GARBAGE, Storm, possible, publish
from tests.chaos.fleet import Fleet
from tests.chaos.load import Client, Load, is_clear
from tests.chaos.servers import OwnPostgresql, make_broker
from tests.integration.backends import eventually

#: How long the fleet may take to come to rest after the last fault, in seconds.
REST = 400.0
SEED = 20261124
#: Answers that a client may get for a reason of its own: its proof ran out when the clock stepped.
_OWN_FAULT = frozenset({412})


@dataclass
class Figures:
    """One line of the table."""

    place: str
    faults: Counter[str] = field(default_factory=Counter)
    recovered: dict[str, float] = field(default_factory=dict)
    findings: Findings = field(default_factory=Findings)
    submissions: int = 0
    refused: int = 0
    unanswered: int = 0
    surprises: list[str] = field(default_factory=list)
    seconds: float = 0.0


@contextmanager
def made_fleet(folder: Path, broker: str, database: str, **settings: object) -> Iterator[Fleet]:
    """A fleet over servers of its own; nothing of it is left afterwards."""
    with ExitStack() as stack:
        server = make_broker(broker)
        stack.callback(server.close)
        own = None
        if database == "postgresql":
            own = OwnPostgresql()
            stack.callback(own.close)
            own.start()
        fleet = Fleet(folder, server, own, max_child_depth=1, min_free_disk=0, **settings)
        stack.callback(fleet.close)
        yield fleet


def run(fleet: Fleet, place: str, *, job_tasks: int, rounds: int, outage: float, backlog: int) -> Figures:
    """Each possible fault ``rounds`` times, in a random order, over at least so many job tasks."""
    began = time.monotonic()
    storm = Storm(fleet, Load(fleet, backlog, SEED), random.Random(SEED), outage)
    figures = Figures(place)
    storm.load.start()
    try:
        faults = list(possible(fleet).items()) * rounds
        storm.random.shuffle(faults)
        for number, (name, throw) in enumerate(faults):
            # between two faults work gets done: each meets job tasks in all states
            _flow(storm.load, job_tasks * number // len(faults), fleet)
            storm.load.watch(name)
            throw(storm)
            figures.faults[name] += 1
        _flow(storm.load, job_tasks, fleet)
        storm.load.stop()
        eventually(lambda: not storm.load.open_tasks and storm.load.settled(), fleet.why(), REST)
        _messages_are_kept(fleet)
    finally:
        storm.load.close()
    figures.seconds = time.monotonic() - began
    return _read(figures, storm)


def _flow(load: Load, final: int, fleet: Fleet) -> None:
    goal = max(final, load.final_tasks + 2)
    eventually(lambda: load.final_tasks >= goal or not load.alive, f"nothing moves\n{fleet.why()}", REST)
    assert load.alive


def _read(figures: Figures, storm: Storm) -> Figures:
    load, fleet = storm.load, storm.fleet
    unclear = [each for each in load.refusals if each.status_code not in _OWN_FAULT and not is_clear(each)]
    assert not unclear, [(each.status_code, each.text) for each in unclear]
    figures.recovered = load.recovered
    figures.findings = audit(fleet.begin, load.submissions, load.planted, fleet.ledger)
    figures.submissions = len(load.submissions)
    figures.refused, figures.unanswered = len(load.refusals), load.unanswered
    figures.surprises = [f"{each.name}: {each.status}" for each in fleet.surprises]
    return figures


def _messages_are_kept(fleet: Fleet) -> None:
    """Once the storm is over: what cannot be read is set aside, is counted, and can be sent again."""
    before = _kept(fleet)
    for body in GARBAGE:
        publish(fleet, body)
    eventually(lambda: _kept(fleet) == before + len(GARBAGE), fleet.why())
    client = Client(fleet)
    newest = client.call("GET", "/setaside").json()["data"][0]
    answer = client.call("POST", f"/setaside/{newest['id']}/replay")
    assert answer.is_success, answer.text
    eventually(lambda: _kept(fleet) == before + len(GARBAGE) + 1, fleet.why())


def _kept(fleet: Fleet) -> int:
    with fleet.begin(write=False) as uow:
        return uow.session.scalar(select(func.count()).select_from(SetAside)) or 0
