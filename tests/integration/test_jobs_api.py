"""Jobs and job tasks over the API (contract sections 2 and 3)."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from orchestrator.domain.vocabulary import Role
from tests.integration.api import Api

FINAL = ["success", "failed", "cancelled"]


def job_task(api: Api, state: str = "enqueued") -> str:
    """A job task that a client made; its path."""
    job = api.job_of(api.submit())
    answer = api.post(f"/job/{job['id']}/task", {"worker": "external", "state": state})
    assert answer.status_code == 201, answer.text
    assert answer.json()["data"]["state"] == state
    return f"/job/{job['id']}/task/{answer.json()['data']['id']}"


def analysis(api: Api, sha256: str) -> str:
    answer = api.post(
        f"/sample/{sha256}/analysis",
        {
            "analysisResult": {},
            "analysisScore": 10,
            "customer": "default",
            "tlp": "amber",
            "userAgent": {"name": "external", "version": "1"},
        },
    )
    assert answer.status_code == 200, answer.text
    identifier: str = answer.json()["data"]["analysisID"]
    return identifier


def state(api: Api, path: str) -> dict[str, Any]:
    data: dict[str, Any] = api.get(path).json()["data"]
    return data


def test_a_job_task_goes_from_enqueued_to_success_and_closes_its_job(api: Api) -> None:
    path = job_task(api)
    job = path.rpartition("/task/")[0]
    assert state(api, path)["state"] == "enqueued"
    assert state(api, job)["state"] == "enqueued"
    executing = api.put(path, {"state": "executing", "message": "begun"}).json()["data"]
    assert executing["state"] == "executing"
    assert executing["startTimestamp"] >= executing["enqueuedTimestamp"]
    assert state(api, job)["state"] == "executing"
    done = api.put(path, {"state": "success"}).json()["data"]
    assert done["state"] == "success"
    assert done["message"] == "begun", "an absent message keeps the old one"
    assert state(api, job)["state"] == "done"
    assert state(api, job)["endTimestamp"] >= state(api, job)["startTimestamp"]


@pytest.mark.parametrize("last", FINAL)
def test_a_final_job_task_can_begin_final(api: Api, last: str) -> None:
    path = job_task(api, last)
    shown = state(api, path)
    assert shown["state"] == last
    assert shown["startTimestamp"] <= shown["endTimestamp"]
    assert state(api, path.rpartition("/task/")[0])["state"] == "done"


@pytest.mark.parametrize("last", FINAL)
@pytest.mark.parametrize("wish", ["executing", *FINAL])
def test_a_final_state_is_left_for_nothing(api: Api, last: str, wish: str) -> None:
    path = job_task(api, last)
    before = state(api, path)
    answer = api.put(path, {"state": wish, "message": "late"})
    assert answer.status_code == 412
    assert answer.json()["messages"][0]["type"] == "ACTION_ERROR"
    assert state(api, path) == before


@pytest.mark.parametrize("wish", ["enqueued", "timeout", "aborted", "", None])
def test_a_client_cannot_set_the_service_s_own_states(api: Api, wish: str | None) -> None:
    path = job_task(api, "executing")
    answer = api.put(path, {"state": wish})
    assert answer.status_code == 412
    assert answer.json()["messages"][0]["field"] == "state"


def test_both_generations_of_the_update_body_are_taken(api: Api) -> None:
    path = job_task(api, "executing")
    sha256 = state(api, path.rpartition("/task/")[0])["analysedSample"]["id"]
    first, second = analysis(api, sha256), analysis(api, sha256)
    api.put(path, {"state": "executing", "analysisID": first})
    done = api.put(path, {"state": "success", "analyses": [second], "analysisID": first}).json()["data"]
    assert [each["id"] for each in done["analyses"]] == [first, second]
    assert done["analysis"]["id"] == first
    shown = api.get(f"/sample/{sha256}/analysis/{first}").json()["data"]
    assert shown["job"]["id"] == path.split("/")[2]


def test_an_analysis_must_be_one_of_the_job_s_sample(api: Api) -> None:
    path = job_task(api, "executing")
    other = api.submit(b"another sample")["sampleSha256"]
    for wrong in (str(uuid4()), analysis(api, other), "not-a-uuid"):
        answer = api.put(path, {"state": "success", "analyses": [wrong]})
        assert answer.status_code == 412
        assert answer.json()["messages"][0]["field"].startswith("analyses")
    assert state(api, path)["state"] == "executing"


@pytest.mark.parametrize(
    "wrong", [{}, {"worker": ""}, {"worker": "a b"}, {"worker": "w", "state": "timeout"}, {"worker": 3}, []]
)
def test_a_bad_new_job_task_is_refused(api: Api, wrong: Any) -> None:
    job = api.job_of(api.submit())
    assert api.post(f"/job/{job['id']}/task", wrong).status_code == 412
    assert api.get(f"/job/{job['id']}/tasks").json()["count"] == 0


def test_a_worker_has_one_job_task_in_a_job_and_none_in_a_closed_one(api: Api) -> None:
    path = job_task(api)
    job = path.rpartition("/task/")[0]
    answer = api.post(f"{job}/task", {"worker": "external"})
    assert answer.status_code == 412
    assert answer.json()["messages"][0]["field"] == "worker"
    api.put(path, {"state": "success"})
    assert api.post(f"{job}/task", {"worker": "other"}).status_code == 412


def test_the_older_name_of_worker_is_taken(api: Api) -> None:
    job = api.job_of(api.submit())
    answer = api.post(f"/job/{job['id']}/task", {"analyzerName": "old", "unknown": 1})
    assert answer.json()["data"]["worker"] == "old"


def test_unknown_and_foreign_ids_are_not_found(api: Api) -> None:
    path, other = job_task(api), job_task(api)
    job = path.rpartition("/task/")[0]
    crossed = f"{job}/task/{other.rpartition('/')[2]}"
    for wrong in (f"/job/{uuid4()}", f"{job}/task/{uuid4()}", crossed, f"/job/{uuid4()}/tasks"):
        assert api.get(wrong).status_code == 404
    assert api.put(crossed, {"state": "success"}).status_code == 404
    assert api.get("/job/not-a-uuid").status_code == 412


def test_a_job_of_another_customer_is_denied_and_not_listed(api: Api) -> None:
    path = job_task(api)
    job = path.rpartition("/task/")[0]
    stranger = api.key(Role.analyzer, "stranger")
    for wrong in (job, path, f"{job}/tasks", f"{job}/history"):
        assert api.get(wrong, key=stranger).status_code == 403
    assert api.put(path, {"state": "success"}, key=stranger).status_code == 403
    assert api.post(f"{job}/task", {"worker": "w"}, key=stranger).status_code == 403
    assert api.get("/job", key=stranger).json()["count"] == 0
    assert api.get("/job", role=Role.administrator).json()["count"] == 1


def test_job_tasks_are_sorted_and_paged_as_asked(api: Api) -> None:
    job = api.job_of(api.submit())
    for worker in ("b", "c", "a"):
        api.post(f"/job/{job['id']}/task", {"worker": worker})
    path = f"/job/{job['id']}/tasks"
    shown = api.get(path).json()
    assert [each["worker"] for each in shown["data"]] == ["a", "b", "c"]
    assert (shown["count"], shown["size"], shown["limit"], shown["offset"]) == (3, 3, 25, 0)
    part = api.get(path, params={"sortBy": "-worker", "limit": 1, "offset": 1}).json()
    assert [each["worker"] for each in part["data"]] == ["b"]
    assert (part["count"], part["size"], part["limit"], part["offset"]) == (3, 1, 1, 1)
    assert api.get(path, params={"sortBy": "nothing"}).status_code == 412
    assert api.get(path, params={"limit": -1}).status_code == 412
    assert api.get(path, params={"limit": 0}).json()["size"] == 3


def test_jobs_are_filtered_and_searched(api: Api) -> None:
    old, new = api.job_of(api.submit(b"one")), api.job_of(api.submit(b"two"))
    api.post(f"/job/{old['id']}/task", {"worker": "w", "state": "success"})
    ids = lambda answer: [each["id"] for each in answer.json()["data"]]  # noqa: E731
    assert ids(api.get("/job")) == [new["id"], old["id"]]
    assert ids(api.get("/job", params={"state": ["done", "timeout"]})) == [old["id"]]
    assert ids(api.post("/job/search", {})) == [old["id"], new["id"]]
    assert ids(api.post("/job/search", {"state": "enqueued"})) == [new["id"]]
    assert ids(api.post("/job/search", {"sampleSha256": [new["analysedSample"]["id"]]})) == [new["id"]]
    assert ids(api.post("/job/search", {"customer": old["customer"]["id"]})) == [old["id"], new["id"]]
    assert ids(api.post("/job/search", {"customer": ["nobody"]})) == []
    assert ids(api.post("/job/search", {"endTimestamp": "now - 1 hour"})) == []
    assert ids(api.post("/job/search", {"startTimestamp": "now - 1 hour"})) == [old["id"], new["id"]]
    both = {"startTimestamp": "now - 1 hour", "timeMatchStrategy": "all"}
    assert ids(api.post("/job/search", both)) == [old["id"]], "the other has no start and no end yet"
    assert api.post("/job/search", {"startTimestamp": "2026-01-01T00:00:00+01:00"}).status_code == 412


def test_cancel_ends_what_is_open_and_keeps_what_finished(api: Api) -> None:
    path = job_task(api)
    job = path.rpartition("/task/")[0]
    other = api.post(f"{job}/task", {"worker": "other"}).json()["data"]["id"]
    api.put(path, {"state": "success"})
    assert api.delete(job, role=Role.viewer).status_code == 403
    cancelled = api.delete(job, role=Role.user).json()["data"]
    assert cancelled["state"] == "done"
    assert state(api, path)["state"] == "success"
    assert state(api, f"{job}/task/{other}")["state"] == "cancelled"
    assert api.delete(job).status_code == 412


def test_every_transition_leaves_a_history_row(api: Api) -> None:
    path = job_task(api)
    api.put(path, {"state": "executing"})
    api.put(path, {"state": "failed", "message": "broke"})
    api.put(path, {"state": "success"})
    rows = api.get(f"{path.rpartition('/task/')[0]}/history").json()["data"]
    assert [(row.get("source"), row["target"]) for row in rows] == [
        (None, "enqueued"),
        ("enqueued", "executing"),
        ("executing", "failed"),
    ]
    assert rows[-1]["message"] == "broke"
    assert {row["by"] for row in rows} == {"default-analyzer"}


def test_the_body_must_be_json(api: Api) -> None:
    path = job_task(api)
    for broken in (b"", b"{", b"[1", b'"text"', b"\xff"):
        answer = api.call("PUT", path, content=broken, headers={"Content-Type": "application/json"})
        assert answer.status_code == 412, broken
        assert answer.json()["messages"]


def test_reanalyse_makes_a_new_job(api: Api) -> None:
    submission = api.submit()
    first = api.job_of(submission)
    again = api.put(f"/sample/{submission['sampleSha256']}/reanalyse").json()["data"]
    assert again["id"] != first["id"]
    assert again["analysedSample"] == first["analysedSample"]
    assert api.put(f"/sample/{submission['sampleSha256']}/reanalyse", role=Role.user).status_code == 403


def test_a_job_over_some_of_the_workers_keeps_the_verdict_over_all(api: Api) -> None:
    names = ("one", "two")
    for name in names:
        body = {
            "shortName": name,
            "localizedNames": {"english": name},
            "localizedDescriptions": {"english": name},
        }
        assert api.post("/worker", body, role=Role.administrator).status_code == 201
    api.put("/policy/default", {"workers": list(names)}, role=Role.administrator)
    submission = api.submit()
    sample = f"/sample/{submission['sampleSha256']}"
    whole = api.job_of(submission)["id"]
    for each in api.get(f"/job/{whole}/tasks").json()["data"]:
        api.put(f"/job/{whole}/task/{each['id']}", {"state": "failed"})
    assert api.get(f"{sample}/verdict").json()["count"] == 1
    part = api.put(f"{sample}/reanalyse", {"workers": "one"}).json()["data"]["id"]
    (only,) = api.get(f"/job/{part}/tasks").json()["data"]
    assert only["worker"] == "one"
    api.put(f"/job/{part}/task/{only['id']}", {"state": "failed"})
    assert api.get(f"{sample}/verdict").json()["count"] == 1
