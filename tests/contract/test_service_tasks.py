"""Contract section 11: service tasks, and the deletion of samples, which is one (section 4)."""

import uuid
from typing import Any

import pytest

from tests.contract.driver import AGENT, Api, Submitted, await_, fields_of, refused, unique

ENDED = {"done", "failed", "aborted"}


def ended(admin: Api, correlation: str) -> dict[str, Any]:
    """The service task of a correlation, when it has ended."""

    def find() -> dict[str, Any] | None:
        tasks = admin.servicetask.search_tasks(correlationID=[correlation])["data"]
        roots = [t for t in tasks if "parentTask" not in t]
        return next((t for t in roots if t["state"] in ENDED), None)

    return dict(await_(find, f"service task {correlation}"))


@pytest.mark.parametrize("resource", ["all", "sample", "submission"])
def test_reindexing_is_done_in_the_background(admin: Api, resource: str) -> None:
    """The answer is a correlation; the task appears under it and comes to its end."""
    answer = admin.servicetask.reindex_resources(
        "all", resource, reversed=False, startTimestamp="now - 1 day", endTimestamp="now"
    )
    assert admin.status == 200
    assert answer["data"].keys() == {"correlationID"}
    task = ended(admin, answer["data"]["correlationID"])
    assert task["state"] == "done"
    assert task["correlationID"] == answer["data"]["correlationID"] != task["id"]
    assert task["createdTimestamp"] <= task["executionTimestamp"] <= task["finishedTimestamp"]
    assert task["createdByUser"]["shortName"]
    assert admin.servicetask.get_task(task["id"])["data"] == [task]


def test_the_default_order_names_one_task_only(admin: Api) -> None:
    """`getTask` answers with a list of one; an unknown id is 404."""
    with refused(404):
        admin.servicetask.get_task(str(uuid.uuid4()))
    with refused(412, 404):
        admin.servicetask.get_task("no-uuid")


@pytest.mark.parametrize(
    "body",
    [
        {"dataCenter": "all"},
        {"resource": "all"},
        {"dataCenter": "moon", "resource": "all"},
        {"dataCenter": "all", "resource": "worker"},
        {"dataCenter": "all", "resource": "all", "startTimestamp": "someday"},
        {"dataCenter": "all", "resource": "all", "reversed": "perhaps"},
    ],
)
def test_a_wrong_reindexing_is_refused(admin: Api, body: dict[str, Any]) -> None:
    assert admin.send("POST", "/servicetask/reindex", json=body).status_code == 412


def test_service_tasks_are_found_by_each_criterion(admin: Api) -> None:
    """State, operation, user, root; in the list's query and in the search's body."""
    task = ended(admin, admin.servicetask.reindex_resources()["data"]["correlationID"])
    user = task["createdByUser"]

    def found(**criteria: Any) -> bool:
        answers = [admin.servicetask.search_tasks(limit=0, **criteria)]
        if criteria.keys() <= {"state", "operation", "user", "parentTask"}:
            answers.append(admin.servicetask.list_tasks(limit=0, **criteria))
        results = {task["id"] in {t["id"] for t in answer["data"]} for answer in answers}
        assert len(results) == 1
        return results.pop()

    assert found()
    for criteria in (
        {"state": ["done"]},
        {"state": ["failed", "done"]},
        {"operation": [task["operation"]]},
        {"user": [user["shortName"]]},
        {"user": [str(user["id"])]},
        {"correlationID": [task["correlationID"]]},
        {"startTimestamp": "now - 1 hour"},
        {"startTimestamp": task["createdTimestamp"], "timeFieldStrategy": ["createdTimestamp"]},
    ):
        assert found(**criteria), criteria
    for criteria in (
        {"state": ["aborted"]},
        {"operation": ["another"]},
        {"parentTask": [str(uuid.uuid4())]},
        {"rootTask": [str(uuid.uuid4())]},
        {"correlationID": [str(uuid.uuid4())]},
        {"workerHost": ["nowhere.example.org"]},
        {"endTimestamp": "now - 1 hour"},
    ):
        assert not found(**criteria), criteria


def test_a_search_without_paging_has_the_default(admin: Api) -> None:
    """The client sends nothing at all: 25 from the start."""
    answer = admin.servicetask.search_tasks()
    assert (answer["limit"], answer["offset"]) == (25, 0)


@pytest.mark.parametrize("field", ["state", "timeFieldStrategy", "timeMatchStrategy", "startTimestamp"])
def test_a_wrong_criterion_is_refused(admin: Api, field: str) -> None:
    with refused(412) as caught:
        admin.servicetask.search_tasks(**{field: "wrong"})
    assert fields_of(caught)[0].startswith(field)


def test_what_has_ended_cannot_be_aborted(admin: Api) -> None:
    """200 or 412, and the task stays as it ended."""
    task = ended(admin, admin.servicetask.reindex_resources()["data"]["correlationID"])
    assert admin.send("DELETE", f"/servicetask/{task['id']}").status_code in {200, 412}
    assert admin.servicetask.get_task(task["id"])["data"] == [task]
    with refused(404):
        admin.servicetask.abort_task(str(uuid.uuid4()))


@pytest.fixture
def deleted(admin: Api, analyzer: Api) -> Submitted:
    """A sample with one of everything, deleted."""
    sample, word = analyzer.submit(fileName=unique()), unique()
    analysis = analyzer.add_analysis(sample.sha256, 70)["analysisID"]
    analyzer.sample.upload_evidence(sample.sha256, analysis, "e")
    analyzer.sample.add_link(sample.sha256, sample.sha256, "amber", "child", AGENT)
    analyzer.sample.add_static_fact(sample.sha256, word, AGENT, word)
    analyzer.sample.reclassify_sample(sample.sha256)
    analyzer.finish(sample.job, analyses=[analysis])
    answer = admin.sample.delete_sample(sample.sha256)
    assert admin.status == 200
    assert ended(admin, answer["data"]["correlationID"])["state"] == "done"
    return sample


def test_a_deleted_sample_leaves_a_minimal_record(admin: Api, deleted: Submitted) -> None:
    """Flag and time; the bytes and all that was known are gone."""
    meta = admin.sample.get_sample_meta_data(deleted.sha256)["data"]
    assert meta["sha256"] == deleted.sha256
    assert meta["flags"] == ["deleted"]
    assert meta["deletedTimestamp"] > 0
    assert not {"latestVerdict", "latestClassification"} & meta.keys()
    for download in (admin.sample.download_raw_sample, admin.sample.download_safe_sample):
        with refused(404):
            download(deleted.sha256)
    with refused(404):
        admin.job.get_job(deleted.job)
    assert admin.job.search_jobs(sampleSha256=[deleted.sha256])["count"] == 0
    assert admin.submission.submission_advanced_search(sampleSha256=[deleted.sha256])["count"] == 0
    for listing in ("analysis", "link", "fact", "classification", "verdict", "submission"):
        response = admin.send("GET", f"/sample/{deleted.sha256}/{listing}")
        assert response.status_code == 404 or response.json()["count"] == 0, listing


def test_a_deleted_sample_is_found_by_no_search(admin: Api, deleted: Submitted) -> None:
    assert admin.sample.advanced_search(sha256=[deleted.sha256])["count"] == 0
    assert admin.sample.simple_search([deleted.sha256])["count"] == 0


def test_a_deleted_sample_may_come_back(admin: Api, deleted: Submitted) -> None:
    """Uploaded again it is new, with a new submission and job."""
    uploaded = admin.upload.upload_sample(deleted.data)["data"]
    assert (admin.status, uploaded["exists"]) == (201, False)
    again = admin.submit(deleted.data)
    meta = admin.sample.get_sample_meta_data(deleted.sha256)["data"]
    assert "deleted" not in meta.get("flags", [])
    assert "deletedTimestamp" not in meta
    assert admin.sample.download_raw_sample(deleted.sha256).content == deleted.data
    assert admin.sample.list_submissions(deleted.sha256)["count"] == 1
    assert again.job != deleted.job


def test_an_unknown_sample_is_not_deleted(admin: Api) -> None:
    with refused(404):
        admin.sample.delete_sample("0" * 64)
    with refused(412):
        admin.sample.delete_sample("nothing")
