"""What an operator may set: deadlines, the window of similar submissions, limits, and strictness."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.contract.conftest import ROLES, names
from tests.contract.driver import AGENT, EXTERNAL, Api, Submitted, await_, refused, sha256_of, unique
from tests.running import Stack, running_stack

LIMIT = 100_000
SETTINGS = {
    "ASSAY_JOB_DEADLINE": "10",
    "ASSAY_SWEEP_INTERVAL": "0.5",
    "ASSAY_SIMILAR_SUBMISSION_WINDOW": "3600",
    "ASSAY_MAX_SAMPLE_SIZE": str(LIMIT),
    "ASSAY_MAX_EVIDENCE_SIZE": str(LIMIT),
    "ASSAY_MAX_JSON_SIZE": "20000",
    "ASSAY_ENFORCE_WORKER_SCHEMA": "true",
    "ASSAY_STRICT_SUCCESS": "true",
    "ASSAY_CHALLENGE_LIFETIME": "9",
    "ASSAY_WORKER_PROCESSES": "1",
}


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A service with settings of its own."""
    with running_stack(tmp_path_factory.mktemp("strict"), SETTINGS) as running:
        yield running


@pytest.fixture(scope="module")
def api(strict: Stack) -> Api:
    admin = Api(strict.url, strict.admin_key)
    admin.worker.add_analysis_worker(
        names("d"), names("n"), EXTERNAL, schema={"type": "object", "required": ["seen"]}
    )
    admin.policy.update_default_analysis_policy(workers=[EXTERNAL], options=[])
    return Api(strict.url, strict.key(ROLES["analyzer"]))


@dataclass(frozen=True)
class Early:
    """A token that was solved early on, and the moment when it is too old."""

    sample: Submitted
    token: dict[str, str]
    expiry: float


@pytest.fixture(scope="module", autouse=True)
def early(api: Api) -> Early:
    sample = api.submit(unique().encode() * 500)
    token = api.challenge.generate_challenge_token(sample.sha256, sample.data)
    return Early(sample, token, time.monotonic() + 10)


def test_a_deadline_ends_the_open_job_tasks(api: Api) -> None:
    """They and the job time out; what had ended stays; the verdict falls back to earlier analyses."""
    sample = api.submit()
    agent = {"name": EXTERNAL, "version": "1"}
    analysis = api.add_analysis(sample.sha256, 77, userAgent=agent)["analysisID"]
    api.add_job_task(sample.job, "ended", "cancelled")
    await_(lambda: api.job.get_job(sample.job)["data"]["state"] == "timeout", "the deadline")
    job = api.job.get_job(sample.job)["data"]
    assert job["endTimestamp"] >= job["enqueuedTimestamp"]
    tasks = {t["worker"]: t for t in api.job.list_job_tasks(sample.job)["data"]}
    assert (tasks[EXTERNAL]["state"], tasks["ended"]["state"]) == ("timeout", "cancelled")
    assert "endTimestamp" in tasks[EXTERNAL]
    verdict = api.verdict_of(sample.job, sample.sha256)
    assert verdict["job"] == {"id": sample.job, "state": "timeout"}
    assert [a["id"] for a in verdict["analysis"]] == [analysis]
    for state in ("executing", "success", "failed", "cancelled", "timeout"):
        before = tasks[EXTERNAL]
        with refused(412):
            api.job.update_job_task(sample.job, before["id"], state=state, analyses=[analysis])
        assert api.job.get_job_task(sample.job, before["id"])["data"] == before
    assert api.send("POST", f"/job/{sample.job}/task", json={"worker": "late"}).status_code == 412
    assert sample.job in {j["id"] for j in api.job.list_jobs(state=["timeout"], limit=0)["data"]}


def test_a_similar_submission_is_accepted_and_not_stored(api: Api) -> None:
    """220 with the sample's hash, through both functions of the client; the token is used up; no job."""
    sample = api.submit(fileName="same", metaData={"k": "v"})
    token = api.upload.upload_sample(sample.data)["data"]["challenge"]
    agent = {"name": "contract", "version": "9.9"}
    answer = api.sample.add_submission(sample.sha256, token, "same", agent, metaData={"k": "v"})
    assert (api.status, answer["responseCode"], answer["data"]) == (220, 220, {"sampleSha256": sample.sha256})
    assert api.sample.list_submissions(sample.sha256)["count"] == 1
    assert api.job.search_jobs(sampleSha256=[sample.sha256])["count"] == 1
    with refused(412, 403):
        api.sample.add_submission(sample.sha256, token, "other", agent)
    answer = api.upload.add_submission(
        sample.sha256, sample.data, "same", "contract", "1", metaData={"k": "v"}
    )
    assert answer["responseCode"] == 220


@pytest.mark.parametrize(
    "difference",
    [{"fileName": "another"}, {"metaData": {"k": "w"}}, {"userAgent": {"name": "another", "version": "1.0"}}],
)
def test_a_submission_that_differs_is_stored(api: Api, difference: dict[str, object]) -> None:
    fields = {"fileName": "same", "metaData": {"k": "v"}}
    sample = api.submit(**fields)
    assert api.submit(sample.data, **{**fields, **difference}).submission["id"] != sample.submission["id"]


def test_an_oversized_sample_is_cut_off(api: Api) -> None:
    """412 by its announced length, and while it streams; nothing of it stays."""
    largest, too_large = unique().encode().ljust(LIMIT, b"x"), b"y" * (LIMIT + 1)
    assert api.upload.upload_sample(largest)["data"]["sample"]["size"] == LIMIT
    with refused(412):
        api.upload.upload_sample(too_large)
    chunks = (b"z" * 10_000 for _ in range(30))
    assert api.send("POST", "/sample", data=chunks).status_code == 412
    for gone in (too_large, b"z" * 300_000):
        with refused(404):
            api.sample.get_sample_meta_data(sha256_of(gone))


def test_oversized_evidence_is_cut_off(api: Api) -> None:
    sample = api.submit()
    analysis = api.add_analysis(sample.sha256)["analysisID"]
    url = f"/sample/{sample.sha256}/analysis/{analysis}/evidence/big"
    assert api.send("POST", url, data=b"x" * (LIMIT + 1)).status_code == 412
    assert api.send("POST", url, data=(b"x" * 10_000 for _ in range(30))).status_code == 412
    assert api.sample.list_evidence(sample.sha256, analysis)["count"] == 0
    assert "hasEvidence" not in api.sample.get_analysis(sample.sha256, analysis)["data"]["flags"]


def test_an_oversized_body_is_refused(api: Api) -> None:
    sample = api.submit()
    with refused(412):
        api.add_analysis(sample.sha256, analysisResult={"long": "x" * 30_000})


def test_results_are_checked_against_the_worker_s_schema(api: Api) -> None:
    """By the schema of the worker that the user agent names; others are not checked."""
    sample, agent = api.submit(), {"name": EXTERNAL, "version": "1"}
    api.add_analysis(sample.sha256, userAgent=agent, analysisResult={"seen": 1})
    with refused(412) as caught:
        api.add_analysis(sample.sha256, userAgent=agent, analysisResult={"unseen": 1})
    assert caught.value.parsed_resp["messages"][0]["field"].startswith("analysisResult")
    api.add_analysis(sample.sha256, analysisResult={"unseen": 1})


def test_success_may_require_an_analysis(api: Api) -> None:
    sample = api.submit()
    task = api.only_task(sample.job)["id"]
    with refused(412):
        api.job.update_job_task(sample.job, task, state="success")
    analysis = api.add_analysis(sample.sha256)["analysisID"]
    api.job.update_job_task(sample.job, task, state="success", analyses=[analysis])
    assert api.status == 200


def test_retention_removes_a_submission(api: Api) -> None:
    """Past its expiry a submission is gone, unless its sample is malicious."""
    soon = {"retention": "now + 4 seconds"}
    malicious, harmless = api.submit(**soon), api.submit(**soon)
    api.sample.add_verdict(malicious.sha256, "keep it", "malicious")
    kept = api.submit(harmless.data, fileName="kept")

    def left() -> list[str]:
        return [s["id"] for s in api.sample.list_submissions(harmless.sha256)["data"]]

    await_(lambda: left() == [kept.submission["id"]], "the submission to expire")
    with refused(404):
        api.sample.get_submission(harmless.sha256, harmless.submission["id"])
    assert api.sample.list_submissions(malicious.sha256)["count"] == 1


def test_a_challenge_expires(api: Api, early: Early) -> None:
    """After its lifetime the right answer is too late."""
    time.sleep(max(0.0, early.expiry - time.monotonic()))
    with refused(412, 403):
        api.sample.add_submission(early.sample.sha256, early.token, unique(), AGENT)
    assert api.sample.list_submissions(early.sample.sha256)["count"] == 1
