"""The four curl lines of the reference page "Job tasks", word for word, against a running service."""

import json
import subprocess
from typing import Any

import pytest

from tests.contract.driver import Api, Submitted
from tests.contract.models import BASE
from tests.running import Stack

UNKNOWN = "01234567-89ab-7def-8123-456789abcdef"


class Curl:
    """The page's command lines; each returns the status and the envelope."""

    def __init__(self, url: str) -> None:
        self.url = url + BASE

    def __call__(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        command = ["curl", "-sS", "--noproxy", "*", "-w", "\n%{http_code}", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        body, status = done.stdout.rsplit("\n", 1)
        envelope = json.loads(body)
        assert envelope["responseCode"] == int(status)
        return int(status), envelope

    def add(self, key: str, job: str, body: str) -> tuple[int, dict[str, Any]]:
        headers = ("-H", f"Argus-API-KEY: {key}", "-H", "Content-Type: application/json")
        return self("-X", "POST", *headers, f"{self.url}/job/{job}/task", "-d", body)

    def update(self, key: str, job: str, job_task: str, body: str) -> tuple[int, dict[str, Any]]:
        headers = ("-H", f"Argus-API-KEY: {key}", "-H", "Content-Type: application/json")
        return self("-X", "PUT", *headers, f"{self.url}/job/{job}/task/{job_task}", "-d", body)

    def list(self, key: str, job: str) -> tuple[int, dict[str, Any]]:
        return self("-X", "GET", "-H", f"Argus-API-KEY: {key}", f"{self.url}/job/{job}/tasks")

    def get(self, key: str, job: str, job_task: str) -> tuple[int, dict[str, Any]]:
        return self("-X", "GET", "-H", f"Argus-API-KEY: {key}", f"{self.url}/job/{job}/task/{job_task}")


@pytest.fixture
def curl(stack: Stack) -> Curl:
    return Curl(stack.url)


ADD = '{"worker": "hybrid-analysis", "state": "enqueued"}'


def success(analysis: str) -> str:
    return json.dumps({"state": "success", "analysisID": analysis})


def test_the_four_lines_with_an_analyzer_s_key(curl: Curl, analyzer: Api, submitted: Submitted) -> None:
    """Add, update with an analysis, list, get: the page's life of a job task."""
    status, added = curl.add(analyzer.key, submitted.job, ADD)
    assert status == 201
    job_task = added["data"]
    assert (job_task["worker"], job_task["state"]) == ("hybrid-analysis", "enqueued")

    analysis = analyzer.add_analysis(submitted.sha256)["analysisID"]
    status, updated = curl.update(analyzer.key, submitted.job, job_task["id"], success(analysis))
    assert (status, updated["data"]["state"]) == (200, "success")
    assert updated["data"]["analysis"]["id"] == analysis
    assert [a["id"] for a in updated["data"]["analyses"]] == [analysis]

    status, listed = curl.list(analyzer.key, submitted.job)
    assert status == 200
    assert {t["worker"] for t in listed["data"]} == {"hybrid-analysis", "external"}

    status, got = curl.get(analyzer.key, submitted.job, job_task["id"])
    assert (status, got["data"]) == (200, updated["data"])


def test_a_viewer_reads_and_may_not_write(
    curl: Curl, analyzer: Api, viewer: Api, submitted: Submitted
) -> None:
    """SAMPLEDB-VIEWER lists and gets; adding and updating need SAMPLEDB-ANALYZER."""
    job_task = analyzer.only_task(submitted.job)
    assert curl.list(viewer.key, submitted.job)[1]["data"] == [job_task]
    assert curl.get(viewer.key, submitted.job, job_task["id"])[1]["data"] == job_task
    assert curl.add(viewer.key, submitted.job, ADD)[0] == 403
    assert curl.update(viewer.key, submitted.job, job_task["id"], '{"state": "executing"}')[0] == 403
    assert analyzer.only_task(submitted.job) == job_task


def test_a_wrong_key(curl: Curl, analyzer: Api, submitted: Submitted) -> None:
    """Each of the four is 401, and changes nothing."""
    job_task = analyzer.only_task(submitted.job)
    for key in ("wrong", "", analyzer.key + "x", analyzer.key[:-1]):
        assert curl.add(key, submitted.job, ADD)[0] == 401
        assert curl.update(key, submitted.job, job_task["id"], '{"state": "executing"}')[0] == 401
        assert curl.list(key, submitted.job)[0] == 401
        assert curl.get(key, submitted.job, job_task["id"])[0] == 401
    assert analyzer.only_task(submitted.job) == job_task


def test_an_unknown_id(curl: Curl, analyzer: Api, submitted: Submitted) -> None:
    """An unknown job, an unknown task, and a task of another job are 404."""
    key, job_task = analyzer.key, analyzer.only_task(submitted.job)
    foreign = analyzer.only_task(analyzer.submit().job)["id"]
    assert curl.add(key, UNKNOWN, ADD)[0] == 404
    assert curl.list(key, UNKNOWN)[0] == 404
    for job, task_id in ((UNKNOWN, job_task["id"]), (submitted.job, UNKNOWN), (submitted.job, foreign)):
        assert curl.get(key, job, task_id)[0] == 404
        assert curl.update(key, job, task_id, '{"state": "executing"}')[0] == 404


def test_an_id_that_is_none(curl: Curl, analyzer: Api, submitted: Submitted) -> None:
    """A malformed id is 412 (or 404) in the envelope."""
    assert curl.list(analyzer.key, "no-uuid")[0] in {404, 412}
    assert curl.get(analyzer.key, submitted.job, "no-uuid")[0] in {404, 412}


@pytest.mark.parametrize(
    "body",
    [
        *("{", "", "[]", "{}", '{"worker": ""}', '{"worker": "a b"}', '{"worker": "a/b"}', '{"worker": 7}'),
        *('{"worker": "w", "state": "begun"}', '{"worker": "w", "state": "timeout"}', '{"worker": "wörk"}'),
        *('{"state": "enqueued"}', '{"worker": null}', '{"worker": ["a", "b"]}', '{"worker": "w\\n"}'),
    ],
)
def test_a_malformed_addition(curl: Curl, analyzer: Api, submitted: Submitted, body: str) -> None:
    status, envelope = curl.add(analyzer.key, submitted.job, body)
    assert status in {400, 412}
    assert envelope["messages"]
    assert len(analyzer.job.list_job_tasks(submitted.job)["data"]) == 1


@pytest.mark.parametrize(
    "body",
    [
        *("{", "", "[]", "{}", '{"state": "done"}', '{"state": null}', '{"state": "enqueued"}'),
        *('{"state": "timeout"}', '{"analysisID": "x", "state": "success"}', '{"message": "no state"}'),
        *(
            '{"state": "success", "analyses": ["x"]}',
            '{"state": "success", "analyses": [null]}',
            '{"state": 1}',
        ),
        f'{{"state": "success", "analysisID": ["{UNKNOWN}", 1]}}',
    ],
)
def test_a_malformed_update(curl: Curl, analyzer: Api, submitted: Submitted, body: str) -> None:
    job_task = analyzer.only_task(submitted.job)
    status, envelope = curl.update(analyzer.key, submitted.job, job_task["id"], body)
    assert status in {400, 412}
    assert envelope["messages"]
    assert analyzer.only_task(submitted.job) == job_task


def test_an_illegal_transition(curl: Curl, analyzer: Api, submitted: Submitted) -> None:
    """A final state is not left: 412 with an ACTION_ERROR, nothing changed."""
    analyzer.add_job_task(submitted.job, "keeps-the-job-open")
    job_task = next(
        t for t in analyzer.job.list_job_tasks(submitted.job)["data"] if t["worker"] == "external"
    )
    assert curl.update(analyzer.key, submitted.job, job_task["id"], '{"state": "failed"}')[0] == 200
    before = analyzer.job.get_job_task(submitted.job, job_task["id"])["data"]
    status, envelope = curl.update(analyzer.key, submitted.job, job_task["id"], '{"state": "executing"}')
    assert status == 412
    assert envelope["messages"][0]["type"] == "ACTION_ERROR"
    assert analyzer.job.get_job_task(submitted.job, job_task["id"])["data"] == before
