"""The 18 operations that answer with a page of a list, each narrowed to what the shared world made."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.contract.conftest import World
from tests.contract.driver import Api


@dataclass(frozen=True)
class Listing:
    """How to call one list operation, what it may be sorted by, and how to read that from an item."""

    call: Callable[[Api, World], Callable[..., dict[str, Any]]]
    kwargs: Callable[[World], dict[str, Any]]
    #: sort key → the property that it sorts by (dots descend)
    keys: dict[str, str]
    default: str | None = None
    #: the property that identifies an item; classifications and verdicts have none
    id: str | None = "id"
    maximum: int = 100_000
    #: the largest offset, where there is one
    furthest: int | None = None


def same(*names: str) -> dict[str, str]:
    return {name: name for name in names}


TASK_KEYS = same("worker", "state", "enqueuedTimestamp", "startTimestamp", "endTimestamp")
JOB_KEYS = same("enqueuedTimestamp", "state", "startTimestamp", "endTimestamp")
SUBMISSION_KEYS = same("fileName", "mimeType", "expiryTimestamp", "observedTimestamp", "submittedTimestamp")
#: the remaining sample keys sort by what the metadata does not show
SAMPLE_KEYS = {
    "sampleCreatedTimestamp": "createdTimestamp",
    "sampleSize": "size",
    "sampleClassificationType": "latestClassification.type",
    "lastUpdatedSubmission": "lastSubmittedTimestamp",
    "lastAddedSubmission": "lastSubmittedTimestamp",
}
CLASSIFICATION_KEYS = same("version", "type", "superType", "arch", "platform")
WORKER_KEYS = same("shortName", "createdTimestamp", "lastUpdatedTimestamp", "deletedTimestamp")


def by_sample(w: World) -> dict[str, Any]:
    return {"sha256": w.sample.sha256}


def by_word(w: World) -> dict[str, Any]:
    return {"keywords": [w.word]}


def nothing(_: World) -> dict[str, Any]:
    return {}


LISTS: dict[str, Listing] = {
    "listJobs": Listing(lambda a, w: a.job.list_jobs, nothing, JOB_KEYS, "-enqueuedTimestamp"),
    "searchJobs": Listing(
        lambda a, w: a.job.search_jobs,
        lambda w: {"sampleSha256": [w.sample.sha256]},
        JOB_KEYS,
        "enqueuedTimestamp",
    ),
    "listJobTasks": Listing(
        lambda a, w: a.job.list_job_tasks, lambda w: {"jobID": w.jobs[0]}, TASK_KEYS, "worker"
    ),
    "simpleSearch": Listing(
        lambda a, w: a.sample.simple_search,
        by_word,
        SAMPLE_KEYS,
        "-sampleCreatedTimestamp",
        id="sha256",
        maximum=10_000,
        furthest=10_000,
    ),
    "advancedSearch": Listing(
        lambda a, w: a.sample.advanced_search,
        nothing,
        SAMPLE_KEYS,
        "-sampleCreatedTimestamp",
        id="sha256",
        maximum=10_000,
        furthest=10_000,
    ),
    "listAnalysis": Listing(
        lambda a, w: a.sample.list_analysis, by_sample, {}, "-createdTimestamp", id="analysisID"
    ),
    "listEvidence": Listing(
        lambda a, w: a.sample.list_evidence,
        lambda w: {"sha256": w.sample.sha256, "analysisID": w.analyses[0]},
        {},
    ),
    "listClassifications": Listing(
        lambda a, w: a.sample.list_classifications, by_sample, CLASSIFICATION_KEYS, id=None
    ),
    "listStaticFact": Listing(
        lambda a, w: a.sample.list_static_fact, by_sample, same("key", "createdTimestamp"), "key"
    ),
    "listLinks": Listing(lambda a, w: a.sample.list_links, by_sample, {}),
    "listSubmissions": Listing(lambda a, w: a.sample.list_submissions, by_sample, {}, "-submittedTimestamp"),
    "listVerdicts": Listing(
        lambda a, w: a.sample.list_verdicts,
        by_sample,
        same("createdTimestamp", "score"),
        "-createdTimestamp",
        id=None,
    ),
    "submissionSimpleSearch": Listing(
        lambda a, w: a.submission.submission_simple_search, by_word, SUBMISSION_KEYS, "-observedTimestamp"
    ),
    "submissionAdvancedSearch": Listing(
        lambda a, w: a.submission.submission_advanced_search,
        by_word,
        SUBMISSION_KEYS,
        maximum=10_000,
        furthest=10_000,
    ),
    "listAnalysisWorkers": Listing(
        lambda a, w: a.worker.list_analysis_workers, nothing, WORKER_KEYS, "shortName"
    ),
    "searchAnalysisRules": Listing(
        lambda a, w: a.policy.list_default_analysis_rules, nothing, {}, "createdTimestamp"
    ),
    "listTasks": Listing(lambda a, w: a.servicetask.list_tasks, nothing, {}),
    "searchTasks": Listing(
        lambda a, w: a.servicetask.search_tasks, lambda w: {"correlationID": w.reindexes}, {}
    ),
}
