"""Contract section 3: job tasks, both generations of their calls, and their state machine."""

import uuid
from typing import Any

import pytest

from tests.contract.driver import EXTERNAL, Api, Submitted, fields_of, messages, refused, unique

FINAL = ("success", "failed", "cancelled")
CLIENT_STATES = ("executing", *FINAL)


@pytest.fixture
def job(analyzer: Api, submitted: Submitted) -> str:
    """A job that an enqueued job task of nobody keeps open."""
    analyzer.add_job_task(submitted.job, "keeps-the-job-open")
    return submitted.job


def in_state(api: Api, job: str, state: str) -> dict[str, Any]:
    """A new job task of the job, brought to a state."""
    task = api.add_job_task(job, unique("w-"))
    steps = {"enqueued": [], "executing": ["executing"]}.get(state, ["executing", state])
    for step in steps:
        task = api.job.update_job_task(job, task["id"], state=step)["data"]
    return task


LEGAL = {
    ("enqueued", "executing"),
    ("executing", "executing"),
    *((source, final) for source in ("enqueued", "executing") for final in FINAL),
}
SOURCES = ("enqueued", "executing", *FINAL)
TARGETS = ("enqueued", "executing", *FINAL, "timeout")


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("source", SOURCES)
def test_each_transition(analyzer: Api, job: str, source: str, target: str) -> None:
    """Legal ones are applied with their times; all others are 412 and change nothing."""
    before = in_state(analyzer, job, source)
    response = analyzer.send("PUT", f"/job/{job}/task/{before['id']}", json={"state": target, "message": "m"})
    after = analyzer.job.get_job_task(job, before["id"])["data"]
    if (source, target) not in LEGAL:
        assert response.status_code == 412
        assert after == before
        return
    assert response.status_code == 200
    assert response.json()["data"] == after
    assert (after["state"], after["message"]) == (target, "m")
    assert after["enqueuedTimestamp"] == before["enqueuedTimestamp"] <= after["startTimestamp"]
    assert after["startTimestamp"] == before.get("startTimestamp", after["startTimestamp"])
    if target in FINAL:
        assert after["endTimestamp"] >= after["startTimestamp"]
        assert source != "enqueued" or after["endTimestamp"] == after["startTimestamp"]
    else:
        assert "endTimestamp" not in after


@pytest.mark.parametrize("final", FINAL)
def test_leaving_a_final_state_is_an_action_error(analyzer: Api, job: str, final: str) -> None:
    task = in_state(analyzer, job, final)
    with refused(412) as caught:
        analyzer.job.update_job_task(job, task["id"], state="executing")
    assert messages(caught)[0]["type"] == "ACTION_ERROR"


@pytest.mark.parametrize("state", ["enqueued", "timeout", "done", "aborted"])
def test_what_a_client_may_not_set_is_a_field_error(analyzer: Api, job: str, state: str) -> None:
    task = in_state(analyzer, job, "executing")
    with refused(412) as caught:
        analyzer.job.update_job_task(job, task["id"], state=state)
    assert fields_of(caught) == ["state"]


def test_the_policy_makes_one_job_task_per_worker(analyzer: Api, submitted: Submitted) -> None:
    task = analyzer.only_task(submitted.job)
    assert (task["worker"], task["state"], task["analyses"]) == (EXTERNAL, "enqueued", [])
    assert not {"startTimestamp", "endTimestamp", "message", "analysis"} & task.keys()
    assert uuid.UUID(task["id"])


@pytest.mark.parametrize("state", [None, "enqueued", *CLIENT_STATES])
def test_a_job_task_may_be_added_in_a_state(analyzer: Api, submitted: Submitted, state: str | None) -> None:
    """POST: enqueued by default; executing starts the job; a final state has its start and its end."""
    task = analyzer.add_job_task(submitted.job, "added", state)
    assert analyzer.status == 201
    assert (task["worker"], task["state"], task["analyses"]) == ("added", state or "enqueued", [])
    assert ("startTimestamp" in task) == (task["state"] != "enqueued")
    assert ("endTimestamp" in task) == (state in FINAL)
    assert analyzer.job.get_job_task(submitted.job, task["id"])["data"] == task
    job = analyzer.job.get_job(submitted.job)["data"]
    assert job["state"] == ("enqueued" if task["state"] == "enqueued" else "executing")
    assert ("startTimestamp" in job) == (job["state"] == "executing")


def test_the_name_of_older_generations_is_taken(analyzer: Api, submitted: Submitted) -> None:
    """`analyzerName` (2.7 to 3.14), and fields that nobody knows."""
    body = {"analyzerName": "old.style:1-x_y", "priority": 7}
    task = analyzer.data("POST", f"/job/{submitted.job}/task", json=body)
    assert task["worker"] == "old.style:1-x_y"


@pytest.mark.parametrize("name", ["", "a b", "a/b", "ä", "x\n", None])
def test_a_worker_needs_a_proper_name(analyzer: Api, submitted: Submitted, name: str | None) -> None:
    response = analyzer.send("POST", f"/job/{submitted.job}/task", json={"worker": name})
    assert response.status_code == 412
    assert response.json()["messages"][0]["field"] == "worker"


def test_a_worker_has_one_job_task_per_job(analyzer: Api, submitted: Submitted) -> None:
    analyzer.add_job_task(submitted.job, "twice")
    for name in ("twice", EXTERNAL):
        response = analyzer.send("POST", f"/job/{submitted.job}/task", json={"worker": name})
        assert response.status_code == 412
        assert response.json()["messages"][0]["field"] == "worker"


def test_both_generations_of_the_update(analyzer: Api, submitted: Submitted, job: str) -> None:
    """`analyses`, then `analysisID` unless it is there already; `analysis` is the first."""
    one, two, three = (analyzer.add_analysis(submitted.sha256)["analysisID"] for _ in range(3))
    cases: list[tuple[dict[str, Any], list[str]]] = [
        ({"analyses": [one, two]}, [one, two]),
        ({"analysisID": one}, [one]),
        ({"analyses": [one, two], "analysisID": three}, [one, two, three]),
        ({"analyses": [two, one], "analysisID": one}, [two, one]),
        ({"analyses": three}, [three]),
        ({"analyses": [], "analysisID": two}, [two]),
        ({}, []),
    ]
    for body, expected in cases:
        task = in_state(analyzer, job, "enqueued")
        url = f"/job/{job}/task/{task['id']}"
        updated = analyzer.data("PUT", url, json={"state": "success", **body})
        assert [a["id"] for a in updated["analyses"]] == expected
        assert updated.get("analysis", {}).get("id") == (expected[0] if expected else None)
        assert analyzer.data("GET", url) == updated


def test_an_analysis_of_a_job_task_knows_the_job(analyzer: Api, submitted: Submitted) -> None:
    """The update is the only way to tie an analysis to its job."""
    analysis = analyzer.add_analysis(submitted.sha256, 42)
    assert "job" not in analysis
    analyzer.finish(submitted.job, analyses=[analysis["analysisID"]])
    read = analyzer.sample.get_analysis(submitted.sha256, analysis["analysisID"])["data"]
    assert read["job"] == {"id": submitted.job, "state": "done"}
    info = analyzer.only_task(submitted.job)["analyses"][0]
    assert info == {
        "id": analysis["analysisID"],
        "analysisScore": 42,
        "userAgent": analysis["userAgent"],
    }


@pytest.mark.parametrize("generation", ["analyses", "analysisID"])
def test_unknown_and_foreign_analyses_are_refused(analyzer: Api, job: str, generation: str) -> None:
    """Each must exist and belong to the job's sample; nothing changes otherwise."""
    foreign = analyzer.add_analysis(analyzer.submit().sha256)["analysisID"]
    task = in_state(analyzer, job, "executing")
    for wrong in (str(uuid.uuid4()), foreign):
        body = {"state": "success", generation: [wrong] if generation == "analyses" else wrong}
        response = analyzer.send("PUT", f"/job/{job}/task/{task['id']}", json=body)
        assert response.status_code in {412, 404}
        assert analyzer.job.get_job_task(job, task["id"])["data"] == task


def test_a_message_stays_until_there_is_another(analyzer: Api, job: str) -> None:
    """Absent and null keep it; a further `executing` may bring a new one."""
    task = in_state(analyzer, job, "enqueued")
    url = f"/job/{job}/task/{task['id']}"
    started = analyzer.data("PUT", url, json={"state": "executing", "message": "unpacking"})
    assert started["message"] == "unpacking"
    assert analyzer.data("PUT", url, json={"state": "executing"})["message"] == "unpacking"
    assert analyzer.data("PUT", url, json={"state": "executing", "message": None})["message"] == "unpacking"
    again = analyzer.data("PUT", url, json={"state": "executing", "message": "detonating"})
    assert again["message"] == "detonating"
    assert again["startTimestamp"] == started["startTimestamp"]
    ended = analyzer.job.update_job_task(job, task["id"], "failed", message="gone wrong: ü✓")["data"]
    assert ended["message"] == "gone wrong: ü✓"


def test_a_job_task_belongs_to_its_job(analyzer: Api, submitted: Submitted) -> None:
    """404 for an unknown job, an unknown job task, and one of another job."""
    other, task = analyzer.submit(), analyzer.only_task(submitted.job)
    unknown = str(uuid.uuid4())
    for job, task_id in ((other.job, task["id"]), (unknown, task["id"]), (submitted.job, unknown)):
        with refused(404):
            analyzer.job.get_job_task(job, task_id)
        with refused(404):
            analyzer.job.update_job_task(job, task_id, state="executing")
    with refused(404):
        analyzer.job.list_job_tasks(unknown)
    with refused(412, 404):
        analyzer.job.get_job_task(submitted.job, "no-uuid")


def test_the_list_is_sorted_by_worker(analyzer: Api, submitted: Submitted) -> None:
    for name in ("zeta", "alpha", "middle"):
        analyzer.add_job_task(submitted.job, name)
    workers = [t["worker"] for t in analyzer.job.list_job_tasks(submitted.job)["data"]]
    assert workers == sorted(["alpha", EXTERNAL, "middle", "zeta"])
    backwards = analyzer.job.list_job_tasks(submitted.job, sortBy=["-worker"])["data"]
    assert [t["worker"] for t in backwards] == workers[::-1]


def test_nulls_are_last_both_ways(analyzer: Api, submitted: Submitted) -> None:
    """A job task that has not started has no start to sort by."""
    analyzer.add_job_task(submitted.job, "started", "executing")
    for order in ("startTimestamp", "-startTimestamp"):
        listed = analyzer.job.list_job_tasks(submitted.job, sortBy=[order])["data"]
        assert ["startTimestamp" in t for t in listed] == [True, False]
