"""Every operation of the client's OpenAPI file succeeds through the client's function (Appendix A)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.contract.conftest import World, names
from tests.contract.driver import AGENT, Api, await_, sha256_of, unique
from tests.contract.models import OPERATIONS


@dataclass(frozen=True)
class Case:
    """The client with an administrator's key, and what there is to call it on."""

    api: Api
    world: World

    @property
    def sha256(self) -> str:
        return self.world.sample.sha256

    @property
    def service_task(self) -> str:
        found = await_(
            lambda: self.api.servicetask.search_tasks(correlationID=[self.world.reindexes[0]])["data"],
            "the reindexing to show up",
        )
        return str(found[0]["id"])


def add_submission(c: Case) -> None:
    answer = c.api.upload.add_submission(c.sha256, c.world.sample.data, unique(), "contract", "1")
    assert answer["data"]["sampleSha256"] == c.sha256


def add_worker(c: Case) -> None:
    c.api.worker.add_analysis_worker(names("d"), names("n"), unique("op-"))


def delete_worker(c: Case) -> None:
    name = unique("op-")
    c.api.worker.add_analysis_worker(names("d"), names("n"), name)
    c.api.worker.delete_analysis_worker(name)


def fetch_schema(c: Case) -> None:
    name, schema = unique("op-"), {"type": "object"}
    c.api.worker.add_analysis_worker(names("d"), names("n"), name, schema=schema)
    assert c.api.worker.fetch_analysis_worker_schema(name) == schema


def add_rule(c: Case) -> str:
    match = {"submission": {"metaDataKey": [unique("never-")], "metaDataValue": ["x"]}}
    action = {"options": {"remove": ["x"]}}
    return str(c.api.policy.add_default_analysis_rule(action, "d", match, "n")["data"]["id"])


def abort(c: Case) -> None:
    # a task that has ended by now may be refused with 412 (Appendix B)
    answer = c.api.send("DELETE", f"/servicetask/{c.service_task}")
    assert answer.status_code in {200, 412}


def update_task(c: Case) -> None:
    c.api.job.update_job_task(c.world.jobs[0], c.world.tasks[1], state="executing", message="begun")


#: For each operation: a call of the client's function, and the status of success.
CALLS: dict[str, tuple[Callable[[Case], Any], set[int]]] = {
    "listJobs": (lambda c: c.api.job.list_jobs(), {200}),
    "searchJobs": (lambda c: c.api.job.search_jobs(), {200}),
    "getJob": (lambda c: c.api.job.get_job(c.world.jobs[0]), {200}),
    "getJobTask": (lambda c: c.api.job.get_job_task(c.world.jobs[0], c.world.tasks[0]), {200}),
    "updateJobTask": (update_task, {200}),
    "listJobTasks": (lambda c: c.api.job.list_job_tasks(c.world.jobs[0]), {200}),
    "simpleSearch": (lambda c: c.api.sample.simple_search(), {200}),
    "addSample": (lambda c: c.api.sample.add_sample(body={"a": unique()}), {201}),
    "advancedSearch": (lambda c: c.api.sample.advanced_search(), {200}),
    "getSampleMetaData": (lambda c: c.api.sample.get_sample_meta_data(c.sha256), {200}),
    "deleteSample": (lambda c: c.api.sample.delete_sample(c.api.submit().sha256), {200}),
    "listAnalysis": (lambda c: c.api.sample.list_analysis(c.sha256), {200}),
    "addAnalysis": (lambda c: c.api.add_analysis(c.sha256), {200}),
    "getAnalysisSummary": (lambda c: c.api.sample.get_analysis_summary(c.sha256), {200}),
    "getAnalysis": (lambda c: c.api.sample.get_analysis(c.sha256, c.world.analyses[0]), {200}),
    "listEvidence": (lambda c: c.api.sample.list_evidence(c.sha256, c.world.analyses[0]), {200}),
    "getEvidence": (
        lambda c: c.api.sample.get_evidence(c.sha256, c.world.analyses[0], c.world.evidence[0]),
        {200},
    ),
    "getEvidenceData": (
        lambda c: c.api.sample.get_evidence_data(c.sha256, c.world.analyses[0], c.world.evidence[0]),
        {200},
    ),
    "uploadEvidence": (
        lambda c: c.api.sample.upload_evidence(c.sha256, c.world.analyses[1], "op.json"),
        {201},
    ),
    "getUploadChallenge": (lambda c: c.api.sample.get_upload_challenge(c.sha256), {200}),
    "listClassifications": (lambda c: c.api.sample.list_classifications(c.sha256), {200}),
    "listStaticFact": (lambda c: c.api.sample.list_static_fact(c.sha256), {200}),
    "addStaticFact": (lambda c: c.api.sample.add_static_fact(c.sha256, unique(), AGENT, "v"), {201}),
    "listLinks": (lambda c: c.api.sample.list_links(c.sha256), {200}),
    "addLink": (
        lambda c: c.api.sample.add_link(c.api.submit().sha256, c.sha256, "green", "parent", AGENT),
        {200},
    ),
    "getLinkSummary": (lambda c: c.api.sample.get_link_summary(c.sha256), {200}),
    "getLink": (lambda c: c.api.sample.get_link(c.sha256, c.world.links[0]), {200}),
    "downloadRawSample": (lambda c: c.api.sample.download_raw_sample(c.sha256), {200}),
    "reanalyseSample": (lambda c: c.api.sample.reanalyse_sample(c.api.submit().sha256), {200}),
    "reclassifySample": (lambda c: c.api.sample.reclassify_sample(c.api.submit().sha256), {200}),
    "downloadSafeSample": (lambda c: c.api.sample.download_safe_sample(c.sha256), {200}),
    "listSubmissions": (lambda c: c.api.sample.list_submissions(c.sha256), {200}),
    "addSubmission": (add_submission, {201}),
    "getSubmission": (
        lambda c: c.api.sample.get_submission(c.sha256, c.world.sample.submission["id"]),
        {200},
    ),
    "listVerdicts": (lambda c: c.api.sample.list_verdicts(c.sha256), {200}),
    "addVerdict": (
        lambda c: c.api.sample.add_verdict(c.api.submit().sha256, "seen before", "malicious"),
        {201},
    ),
    "submissionSimpleSearch": (lambda c: c.api.submission.submission_simple_search(), {200}),
    "submissionAdvancedSearch": (lambda c: c.api.submission.submission_advanced_search(), {200}),
    "submissionStatistics": (lambda c: c.api.submission.submission_statistics(), {200}),
    "listAnalysisWorkers": (lambda c: c.api.worker.list_analysis_workers(), {200}),
    "addAnalysisWorker": (add_worker, {201}),
    "getAnalysisWorker": (lambda c: c.api.worker.get_analysis_worker(c.world.workers[0]), {200}),
    "updateAnalysisWorker": (
        lambda c: c.api.worker.update_analysis_worker(c.world.workers[0], localizedNames=names("again")),
        {200},
    ),
    "deleteAnalysisWorker": (delete_worker, {200}),
    "fetchAnalysisWorkerSchema": (fetch_schema, {200}),
    "getAnalysisPolicy": (lambda c: c.api.policy.get_default_analysis_policy(), {200}),
    "updateAnalysisPolicy": (lambda c: c.api.policy.update_default_analysis_policy(options=[]), {200}),
    "searchAnalysisRules": (lambda c: c.api.policy.list_default_analysis_rules(), {200}),
    "addAnalysisRule": (add_rule, {201}),
    "getAnalysisPolicyRule": (
        lambda c: c.api.policy.get_default_analysis_policy_rule(c.world.rules[0]),
        {200},
    ),
    "updateAnalysisRule": (
        lambda c: c.api.policy.update_default_analysis_rule(c.world.rules[0], description="again"),
        {200},
    ),
    "deleteAnalysisRule": (lambda c: c.api.policy.delete_default_analysis_rule(add_rule(c)), {200}),
    "listTasks": (lambda c: c.api.servicetask.list_tasks(), {200}),
    "reindexResources": (lambda c: c.api.servicetask.reindex_resources(), {200}),
    "searchTasks": (lambda c: c.api.servicetask.search_tasks(), {200}),
    "getTask": (lambda c: c.api.servicetask.get_task(c.service_task), {200}),
    "abortTask": (abort, {200, 412}),
}


def test_no_operation_is_forgotten() -> None:
    """The table has the 57 operations of the client's OpenAPI file, no more and no fewer."""
    assert CALLS.keys() == OPERATIONS.keys()
    assert len(CALLS) == 57


@pytest.mark.parametrize("operation", CALLS)
def test_the_client_s_function_succeeds(operation: str, admin: Api, world: World) -> None:
    """The function returns what the operation's model describes, with the status of the contract."""
    call, statuses = CALLS[operation]
    call(Case(admin, world))
    assert admin.status in statuses
    assert admin.last.request.method == OPERATIONS[operation].method
    assert OPERATIONS[operation].matches(
        OPERATIONS[operation].method, "/" + admin.last.url.split("?")[0].split("/", 3)[3]
    )


def test_bytes_come_back_as_they_went_in(admin: Api) -> None:
    """`json=False` variants and the files helpers return the response itself."""
    data = unique().encode() * 100
    response = admin.upload.upload_sample(data, json=False)
    assert response.status_code == 201
    assert response.json()["data"]["sample"] == {"id": sha256_of(data), "size": len(data)}
