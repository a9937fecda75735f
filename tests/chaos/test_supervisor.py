"""``assay up`` is killed in the middle of work, and started again on the same folder."""

from __future__ import annotations

import os
import signal
from functools import partial
from pathlib import Path
from uuid import UUID

import httpx
from sqlalchemy import Engine

from orchestrator.domain.vocabulary import JobState
from orchestrator.errors import Unavailable
from orchestrator.store.engine import make_engine
from orchestrator.store.tables import Job
from orchestrator.store.unit_of_work import UnitOfWork
from tests.chaos.audit import audit
from tests.integration.backends import eventually
from tests.running import PATIENCE, Stack

QUICK = {
    "ASSAY_WORKER_PROCESSES": "1",
    "ASSAY_WORKER_LEASE": "3",
    "ASSAY_HEARTBEAT_INTERVAL": "0.5",
    "ASSAY_SWEEP_INTERVAL": "0.5",
    "ASSAY_MAX_ATTEMPTS": "20",
}
REST = 240.0


def test_the_supervisor_is_killed(tmp_path: Path, long: bool) -> None:
    """Every submission that was answered 201 is there afterwards, and its job ends."""
    folder = tmp_path / "data"
    submissions: list[UUID] = []
    key = ""
    for number in range(10 if long else 1):
        stack = Stack(folder, QUICK).start()
        key = stack.admin_key or key
        try:
            submissions += _submit(stack.url, key, range(number * 5, number * 5 + 5))
            _kill(stack)
        finally:
            stack.stop(check=False)
    with Stack(folder, QUICK):
        engine = make_engine(f"sqlite:///{folder / 'assay.sqlite3'}")
        eventually(lambda: _all_closed(engine), "jobs do not come to rest", REST)
    found = audit(partial(UnitOfWork, engine), submissions, [], tmp_path / "none")
    engine.dispose()
    assert found.sound, found


def _submit(url: str, key: str, numbers: range) -> list[UUID]:
    with httpx.Client(
        base_url=f"{url}/sampledb/v2", headers={"Argus-API-Key": key}, timeout=60, trust_env=False
    ) as client:
        return [_submit_one(client, f"sample {number}".encode()) for number in numbers]


def _submit_one(client: httpx.Client, content: bytes) -> UUID:
    uploaded = client.post("/sample", content=content).raise_for_status().json()["data"]
    body = {
        "challengeToken": uploaded["challenge"],
        "fileName": "storm.txt",
        "userAgent": {"name": "storm", "version": "1"},
    }
    path = f"/sample/{uploaded['sample']['id']}/submission"
    answer = client.post(path, json=body)
    assert answer.status_code == httpx.codes.CREATED, answer.text
    return UUID(answer.json()["data"]["id"])


def _kill(stack: Stack) -> None:
    process = stack._process
    assert process is not None
    os.kill(stack.pid, signal.SIGKILL)
    process.wait(PATIENCE)


def _all_closed(engine: Engine) -> bool:
    try:
        with UnitOfWork(engine, write=False) as uow:
            still_open = Job.state.in_((JobState.enqueued, JobState.executing))
            return uow.session.query(Job.id).where(still_open).first() is None
    except Unavailable:
        return False
