"""Result reuse: what stands for a run, what does not, and that nothing is reused unless asked for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import update

from orchestrator.domain.clock import now
from orchestrator.domain.lifecycle import Actor
from orchestrator.domain.transition import NewAnalysis, Transition
from orchestrator.domain.vocabulary import JobTaskState, Role
from orchestrator.services.executing import announce
from orchestrator.services.recording import record
from orchestrator.store.tables import Analysis
from orchestrator.worker import AnalysisWorker, Findings
from tests.integration.api import Api


def worker(version: str) -> AnalysisWorker:
    return AnalysisWorker("once", version, lambda _: Findings())


def serve(api: Api, version: str = "1.0") -> None:
    with api.begin() as uow:
        announce(uow, [worker(version)])


@pytest.fixture
def reusing(tmp_path: Path, database_url: str) -> Iterator[Api]:
    made = Api(tmp_path, database_url, reuse_window=3600)
    serve(made)
    yield made
    made.close()


def submit(api: Api, **fields: Any) -> dict[str, Any]:
    """Submit the sample; the job task of its job."""
    job = api.job_of(api.submit(b"seen before", **fields))
    [row] = api.get(f"/job/{job['id']}/tasks", role=Role.administrator).json()["data"]
    return {**row, "job": job}


def run(api: Api, row: dict[str, Any], score: int = 60) -> None:
    """Do the job task's work, as its worker process would."""
    analysis = NewAnalysis(user_agent_name="once", user_agent_version="1.0", score=score)
    common = {"job_task_id": UUID(row["id"]), "actor": Actor.recorder, "at": now(), "attempt": 1}
    with api.begin() as uow:
        record(uow, [Transition(target=JobTaskState.executing, **common)])
        record(uow, [Transition(target=JobTaskState.success, findings=analysis, **common)])
        uow.commit()


def test_a_second_run_is_spared(reusing: Api) -> None:
    """Success at once, saying from where; the analysis is linked, the job closes, nothing is sent."""
    first = submit(reusing)
    run(reusing, first)
    [analysis] = reusing.get(f"/job/{first['job']['id']}/tasks").json()["data"][0]["analyses"]
    reusing.dispatched.clear()
    second = submit(reusing)
    assert reusing.dispatched == []
    assert second["state"] == "success"
    assert f"job task {first['id']}" in second["message"]
    assert second["analyses"] == [analysis]
    assert second["job"]["state"] == "done"
    history = reusing.get(f"/job/{second['job']['id']}/history").json()["data"]
    assert [(each["target"], each.get("cause")) for each in history] == [
        ("enqueued", None),
        ("success", "reused"),
    ]
    sample = f"/sample/{first['job']['analysedSample']['id']}"
    assert reusing.get(f"{sample}/verdict").json()["count"] == 2
    found = reusing.get(f"{sample}/analysis").json()["data"]
    assert [each["job"]["id"] for each in found] == [first["job"]["id"]]
    third = submit(reusing)
    assert f"job task {first['id']}" in third["message"], "the origin, not the copy"


def test_what_does_not_stand_for_a_run(reusing: Api) -> None:
    """Another version, other options, too long ago, somebody else's, or on purpose: it runs."""
    run(reusing, submit(reusing))
    assert submit(reusing, reuse=False)["state"] == "enqueued"
    stranger = reusing.key(Role.analyzer, "elsewhere")
    assert submit(reusing, key=stranger)["state"] == "enqueued"
    admin = {"role": Role.administrator}
    options = [{"key": "deep", "value": "yes"}]
    assert reusing.put("/policy/default", {"options": options}, **admin).status_code == 200
    assert submit(reusing)["state"] == "enqueued"
    assert reusing.put("/policy/default", {"options": []}, **admin).status_code == 200
    serve(reusing, "1.1")
    assert submit(reusing)["state"] == "enqueued"
    serve(reusing)
    assert submit(reusing)["state"] == "success"
    with reusing.begin() as uow:
        uow.session.execute(update(Analysis).values(created_at=now() - timedelta(hours=2)))
        uow.commit()
    assert submit(reusing)["state"] == "enqueued"


def test_a_reanalysis_runs(reusing: Api) -> None:
    first = submit(reusing)
    run(reusing, first)
    sha256 = first["job"]["analysedSample"]["id"]
    job = reusing.put(f"/sample/{sha256}/reanalyse").json()["data"]
    assert job["state"] == "enqueued"


def test_off_by_default(api: Api) -> None:
    serve(api)
    run(api, submit(api))
    assert submit(api)["state"] == "enqueued"
