"""Contract section 2: jobs, and section 3.4: their state machine."""

import uuid
from typing import Any

import pytest

from tests.contract.driver import Api, Submitted, fields_of, refused


def state_of(api: Api, job: str) -> str:
    return str(api.job.get_job(job)["data"]["state"])


def test_a_job_describes_its_sample_and_customer(viewer: Api, submitted: Submitted) -> None:
    job = viewer.job.get_job(submitted.job)["data"]
    assert uuid.UUID(job["id"])
    assert job["analysedSample"] == {"id": submitted.sha256, "size": len(submitted.data)}
    assert job["customer"]["shortName"] == "default"
    assert job["enqueuedTimestamp"] >= submitted.submission["submittedTimestamp"] - 1000


def test_an_unknown_job(viewer: Api) -> None:
    """404; an id that is no uuid is 412 or 404."""
    with refused(404):
        viewer.job.get_job(str(uuid.uuid4()))
    with refused(412, 404):
        viewer.job.get_job("no-uuid")


def test_the_newest_is_listed_first(viewer: Api, analyzer: Api) -> None:
    """listJobs: descending by the time of enqueueing, all states."""
    jobs = [analyzer.submit().job for _ in range(3)]
    analyzer.finish(jobs[1])
    assert [job["id"] for job in viewer.job.list_jobs(limit=3)["data"]] == jobs[::-1]


def test_a_search_runs_oldest_first(viewer: Api, analyzer: Api, submitted: Submitted) -> None:
    jobs = [submitted.job] + [analyzer.submit(submitted.data).job for _ in range(2)]
    found = viewer.job.search_jobs(sampleSha256=[submitted.sha256])["data"]
    assert [job["id"] for job in found] == jobs


def test_states_select(viewer: Api, analyzer: Api, submitted: Submitted) -> None:
    """Several states are alternatives."""
    done = analyzer.submit(submitted.data).job
    analyzer.finish(done)
    narrowed = {"sampleSha256": [submitted.sha256]}

    def found(*states: str) -> set[str]:
        return {j["id"] for j in viewer.job.search_jobs(**narrowed, state=list(states))["data"]}

    assert found("enqueued") == {submitted.job}
    assert found("done") == {done}
    assert found("enqueued", "done") == {submitted.job, done}
    assert found("timeout") == set()
    listed = viewer.job.list_jobs(state=["done"], limit=0)["data"]
    assert done in {job["id"] for job in listed}
    assert {job["state"] for job in listed} == {"done"}


@pytest.mark.parametrize("state", ["success", "aborted", "", "DONE"])
def test_an_unknown_state_is_refused(viewer: Api, state: str) -> None:
    for function in (viewer.job.list_jobs, viewer.job.search_jobs):
        with refused(412) as caught:
            function(state=[state])
        assert fields_of(caught)[0].startswith("state")


def test_customers_and_samples_select(viewer: Api, analyzer: Api, submitted: Submitted) -> None:
    """By id or shortName, as number or text; different criteria are all required."""
    other, customer = analyzer.submit(), submitted.submission["customer"]
    for reference in (customer["id"], str(customer["id"]), customer["shortName"]):
        found = viewer.job.search_jobs(customer=[reference], sampleSha256=[submitted.sha256, other.sha256])
        assert {job["id"] for job in found["data"]} == {submitted.job, other.job}
    assert viewer.job.search_jobs(sampleSha256=[submitted.sha256], state=["done"])["count"] == 0


def test_another_customer_selects_nothing(admin: Api, stranger: Api, submitted: Submitted) -> None:
    stranger.submit()
    found = admin.job.search_jobs(customer=["other"], limit=0)["data"]
    assert found
    assert {job["customer"]["shortName"] for job in found} == {"other"}
    assert admin.job.search_jobs(customer=["other"], sampleSha256=[submitted.sha256])["count"] == 0


def test_the_first_job_task_that_starts_starts_the_job(analyzer: Api, submitted: Submitted) -> None:
    """enqueued → executing with a start; done with an end when the last job task is final."""
    second = analyzer.add_job_task(submitted.job, "second")["id"]
    first = analyzer.job.list_job_tasks(submitted.job)["data"][0]["id"]
    assert state_of(analyzer, submitted.job) == "enqueued"

    analyzer.job.update_job_task(submitted.job, first, state="executing")
    started = analyzer.job.get_job(submitted.job)["data"]
    assert (started["state"], "endTimestamp" in started) == ("executing", False)
    assert started["startTimestamp"] >= started["enqueuedTimestamp"]

    analyzer.job.update_job_task(submitted.job, first, state="success")
    assert state_of(analyzer, submitted.job) == "executing"
    analyzer.job.update_job_task(submitted.job, second, state="failed")
    ended = analyzer.job.get_job(submitted.job)["data"]
    assert ended["state"] == "done"
    assert ended["endTimestamp"] >= ended["startTimestamp"] == started["startTimestamp"]


@pytest.mark.parametrize("state", ["success", "failed", "cancelled"])
def test_a_job_ends_with_its_only_job_task(analyzer: Api, submitted: Submitted, state: str) -> None:
    """`done` does not tell success from failure; a jump from enqueued starts and ends the job at once."""
    task = analyzer.only_task(submitted.job)
    analyzer.job.update_job_task(submitted.job, task["id"], state=state)
    job = analyzer.job.get_job(submitted.job)["data"]
    assert job["state"] == "done"
    assert job["enqueuedTimestamp"] <= job["startTimestamp"] <= job["endTimestamp"]


def test_a_job_ends_even_if_one_never_started(analyzer: Api, submitted: Submitted) -> None:
    """An added job task keeps the job open; cancelling it closes the job."""
    added = analyzer.add_job_task(submitted.job, "slow")
    first = next(t for t in analyzer.job.list_job_tasks(submitted.job)["data"] if t["id"] != added["id"])
    analyzer.job.update_job_task(submitted.job, first["id"], state="success")
    assert state_of(analyzer, submitted.job) == "executing"
    analyzer.job.update_job_task(submitted.job, added["id"], state="cancelled")
    assert state_of(analyzer, submitted.job) == "done"


def test_a_done_job_takes_no_more_job_tasks(analyzer: Api, submitted: Submitted) -> None:
    analyzer.finish(submitted.job)
    response = analyzer.send("POST", f"/job/{submitted.job}/task", json={"worker": "late"})
    assert response.status_code == 412
    assert state_of(analyzer, submitted.job) == "done"
    assert len(analyzer.job.list_job_tasks(submitted.job)["data"]) == 1


def test_reanalysing_makes_a_new_job(analyzer: Api, submitted: Submitted) -> None:
    """With the policy's workers and the caller's customer; the first job is left alone."""
    answer = analyzer.sample.reanalyse_sample(submitted.sha256)
    job = answer["data"]
    assert (analyzer.status, job["state"]) == (200, "enqueued")
    assert job["id"] != submitted.job
    assert job["analysedSample"]["id"] == submitted.sha256
    assert job["customer"]["shortName"] == "default"
    assert analyzer.only_task(job["id"])["worker"] == "external"
    assert analyzer.sample.list_submissions(submitted.sha256)["count"] == 1


def test_what_is_not_there_is_not_reanalysed(analyzer: Api) -> None:
    with refused(404):
        analyzer.sample.reanalyse_sample("0" * 64)
    with refused(412):
        analyzer.sample.reanalyse_sample("nothing")


@pytest.mark.parametrize("body", [{"sampleSha256": ["nothing"]}, {"customer": ["nobody-by-that-name"]}])
def test_criteria_that_name_nothing_find_nothing(viewer: Api, body: dict[str, Any]) -> None:
    """Either an empty page or a refusal: never everything."""
    response = viewer.send("POST", "/job/search", json=body)
    assert response.status_code == 412 or response.json()["count"] == 0
