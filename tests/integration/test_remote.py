"""Remote workers over the API: leases, claims, results, and what they must not see or say."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from httpx2 import Response
from sqlalchemy import update

from orchestrator.domain.clock import now
from orchestrator.domain.vocabulary import Role
from orchestrator.services.executing import announce
from orchestrator.services.sweeping import sweep_once
from orchestrator.store.tables import JobTask, WorkerProcess
from orchestrator.worker import AnalysisWorker, Findings
from tests.integration.api import Api

OFFER = {"name": "far", "version": "2.0", "accepts": [], "schema": {"type": "object"}, "seconds": 5}
RUN = {"attempt": 1, "version": "2.0", "milliseconds": 12}


def register(api: Api, *names: str, status: int = 201, **options: Any) -> dict[str, Any]:
    workers = [{**OFFER, "name": name} for name in names or ("far",)]
    body = {"host": "there", "pid": 7, "version": "1", "workers": workers}
    answer = api.post("/remote", body, **options)
    assert answer.status_code == status, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


def plan(api: Api, content: bytes, *names: str, **options: Any) -> str:
    """A sample and a job of these workers over it; the job's id."""
    submission = api.submit(content, **options)
    answer = api.put(
        f"/sample/{submission['sampleSha256']}/reanalyse", {"workers": names or ["far"]}, **options
    )
    assert answer.status_code == 200, answer.text
    job: str = answer.json()["data"]["id"]
    return job


def claim(api: Api, process: str, *running: str, **options: Any) -> Any:
    answer = api.post(f"/remote/{process}/claim", {"wait": 0, "running": running}, **options)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def put(api: Api, claimed: dict[str, Any], process: str, state: str = "success", **run: Any) -> Response:
    if state == "success":
        run.setdefault("findings", {"score": 40, "result": {"seen": True}})
    body = {"state": state, "message": "said", "run": {**RUN, "process": process, **run}}
    return api.put(f"/job/{claimed['job']}/task/{claimed['task']}", body)


def send(api: Api, claimed: dict[str, Any], process: str, content: bytes) -> dict[str, Any]:
    path = f"/remote/{process}/task/{claimed['task']}/file"
    answer = api.call("POST", path, content=content)
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


def task_of(api: Api, job: str) -> dict[str, Any]:
    [task] = api.get(f"/job/{job}/tasks").json()["data"]
    found: dict[str, Any] = task
    return found


def causes(api: Api, job: str) -> list[str | None]:
    return [each.get("cause") for each in api.get(f"/job/{job}/history").json()["data"]]


def test_a_job_task_s_way(api: Api) -> None:
    """Registered, claimed, downloaded, reported: recorded as one of our own processes' would be."""
    process = register(api)["id"]
    job = plan(api, b"far away")
    assert api.dispatched == []
    claimed = claim(api, process)
    assert (claimed["job"], claimed["worker"], claimed["attempt"]) == (job, "far", 1)
    assert claimed["sample"]["fileName"] == "sample.bin"
    assert task_of(api, job)["state"] == "executing"
    content = api.get(f"/remote/{process}/task/{claimed['task']}/sample")
    assert content.content == b"far away"
    evidence, child = send(api, claimed, process, b"seen"), send(api, claimed, process, b"from inside")
    findings = {
        "score": 90,
        "result": {"a": [1]},
        "tags": [{"type": "family", "value": "x y"}],
        "detections": [{"name": "d", "assessment": "malicious"}],
        "facts": [{"key": "k", "value": "v"}],
        "evidence": [{"file": evidence, "name": "e.txt", "mimeType": "text/plain"}],
        "children": [{"file": child, "name": "c.bin"}],
        "classification": {"type": "t", "superType": "s"},
    }
    assert put(api, claimed, process, findings=findings).status_code == 200
    task = task_of(api, job)
    assert (task["state"], task["message"]) == ("success", "said")
    sample = f"/sample/{claimed['sample']['sha256']}"
    analysis = api.get(f"{sample}/analysis/{task['analyses'][0]['id']}").json()["data"]
    assert (analysis["analysisScore"], analysis["analysisResult"]) == (90, {"a": [1]})
    assert analysis["userAgent"] == {"name": "far", "version": "2.0"}
    assert api.get(f"/job/{job}").json()["data"]["state"] == "done"
    assert api.get(sample).json()["data"]["latestVerdict"]["score"] > 0
    assert api.get(f"/sample/{child['sha256']}/raw").content == b"from inside"
    history = api.get(f"/job/{job}/history").json()["data"]
    assert [each["target"] for each in history] == ["enqueued", "executing", "success"]
    assert history[-1]["by"].endswith("@there:7")
    assert claim(api, process) is None


def test_a_wrong_role_or_customer_gets_nothing(api: Api) -> None:
    """A key below the analyzer's is refused; another customer's job tasks and process are out of reach."""
    for role in (Role.viewer, Role.uploader, Role.user):
        register(api, status=403, role=role)
    process = register(api)["id"]
    plan(api, b"ours")
    foreign = api.key(Role.analyzer, "elsewhere")
    theirs = register(api, key=foreign)["id"]
    assert claim(api, theirs, key=foreign) is None
    for method, path in (
        ("POST", f"/remote/{process}/claim"),
        ("POST", f"/remote/{process}/heartbeat"),
        ("DELETE", f"/remote/{process}"),
    ):
        assert api.call(method, path, {}, key=foreign).status_code == 403
    assert api.post(f"/remote/{UUID(int=1)}/claim").status_code == 404
    claimed = claim(api, process)
    path = f"/remote/{theirs}/task/{claimed['task']}/sample"
    assert api.get(path, key=foreign).status_code == 403


def test_no_sample_outside_its_job_tasks(api: Api) -> None:
    """Neither before the claim nor after the end can the sample be had through the job task."""
    process = register(api)["id"]
    job = plan(api, b"not yet")
    path = f"/remote/{process}/task/{task_of(api, job)['id']}"
    assert api.get(f"{path}/sample").status_code == 403
    assert api.call("POST", f"{path}/file", content=b"x").status_code == 403
    claimed = claim(api, process)
    assert api.get(f"{path}/sample").status_code == 200
    assert put(api, claimed, process).status_code == 200
    assert api.get(f"{path}/sample").status_code == 403


def test_files_are_proved_by_receipts(api: Api) -> None:
    """Knowing the hash of a sample that others have is not enough to call it a child."""
    process = register(api)["id"]
    secret = api.submit(b"somebody else's secret", key=api.key(Role.analyzer, "elsewhere"))
    job = plan(api, b"liar")
    claimed = claim(api, process)
    forged = {**send(api, claimed, process, b"honest"), "sha256": secret["sampleSha256"]}
    findings = {"children": [{"file": forged, "name": "c"}]}
    refused = put(api, claimed, process, findings=findings)
    assert refused.status_code == 412
    assert refused.json()["messages"][0]["field"] == "receipt"
    assert task_of(api, job)["state"] == "executing"
    assert api.get(f"/sample/{secret['sampleSha256']}").status_code == 403


def test_a_stale_attempt_is_refused(api: Api) -> None:
    """A lease that ran out gives the job task back; what the lost worker reports then changes nothing."""
    slow, other = register(api)["id"], register(api)["id"]
    job = plan(api, b"slow")
    claimed = claim(api, slow)
    with api.begin() as uow:
        late = now() - timedelta(hours=1)
        uow.session.execute(update(WorkerProcess).where(WorkerProcess.id == UUID(slow)).values(seen_at=late))
        uow.commit()
    assert sweep_once(api.begin, lambda _: None, api.settings).lost == 1
    again = claim(api, other)
    assert (again["task"], again["attempt"]) == (claimed["task"], 2)
    assert put(api, claimed, slow).status_code == 403
    assert put(api, again, other, attempt=1).status_code == 412
    beat = api.post(f"/remote/{slow}/heartbeat", {"running": {claimed["task"]: 1}})
    assert beat.json()["data"] == {"calledOff": [claimed["task"]]}
    assert put(api, again, other, attempt=2).status_code == 200
    assert causes(api, job) == [None, None, "lost", None, None]


def test_a_lost_answer_is_given_again(api: Api) -> None:
    """What the service has handed out and the worker does not know of, the next claim tells it."""
    process = register(api)["id"]
    plan(api, b"lost on the way")
    claimed = claim(api, process)
    assert claim(api, process, claimed["task"]) is None
    assert claim(api, process) == claimed


def test_release(api: Api) -> None:
    """At a shutdown at once and without end; after temporary errors later, and until they are too many."""
    process = register(api)["id"]
    job = plan(api, b"again")
    path = f"/remote/{process}/task/{task_of(api, job)['id']}/release"
    claimed = claim(api, process)
    given = api.post(path, {"attempt": 1, "message": "stopped"})
    assert given.json()["data"]["state"] == "enqueued", given.text
    for attempt in (2, 3):
        with api.begin() as uow:
            uow.session.execute(update(JobTask).values(due_at=now()))
            uow.commit()
        assert claim(api, process)["attempt"] == attempt
        body = {"attempt": attempt, "message": "not now", "temporary": True}
        state = api.post(path, body).json()["data"]["state"]
        assert claim(api, process) is None
    assert state == "failed"
    assert task_of(api, job)["message"] == "not now (attempt 3 of 3)"
    assert claimed["attempt"] == 1


@pytest.mark.parametrize(("state", "status"), [("failed", 200), ("timeout", 200), ("cancelled", 412)])
def test_ends_without_findings(api: Api, state: str, status: int) -> None:
    """A run may fail or run out of time; the rest is not for its worker to say."""
    process = register(api)["id"]
    job = plan(api, b"ends")
    claimed = claim(api, process)
    assert put(api, claimed, process, state, cause="limit").status_code == status
    assert task_of(api, job)["state"] == (state if status == 200 else "executing")
    assert put(api, claimed, process, state, findings={}).status_code in (403, 412)


def test_what_celery_serves_is_refused(api: Api) -> None:
    """Nobody takes the work of our own workers; the others of the same host are served."""
    with api.begin() as uow:
        announce(uow, [AnalysisWorker("near", "1", lambda _: Findings())])
    answer = register(api, "near", "far")
    assert answer["workers"] == ["far"]
    assert set(answer["refused"]) == {"near"}
    service = api.get("/worker/far", role=Role.administrator).json()["metaData"]
    assert (service["celery"], service["alive"], service["processes"][0]["host"]) == (False, True, "there")
    assert api.delete(f"/remote/{answer['id']}").status_code == 200
