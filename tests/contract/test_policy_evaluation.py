"""Contract 10.1: which workers a new job gets."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.driver import EXTERNAL, Api, Submitted, unique

Rule = Callable[..., dict[str, Any]]


@pytest.fixture
def workers(registered: Callable[..., dict[str, Any]]) -> list[str]:
    """Names of three workers that nobody serves."""
    return [registered()["shortName"] for _ in range(3)]


@pytest.fixture
def word() -> str:
    return unique("k-")


def meta(word: str, *values: str) -> dict[str, Any]:
    return {"submission": {"metaDataKey": [word], "metaDataValue": list(values)}}


def workers_of(api: Api, sample: Submitted) -> set[str]:
    return {t["worker"] for t in api.job.list_job_tasks(sample.job)["data"]}


def test_without_a_rule_the_policy_decides(analyzer: Api, policy: Any, workers: list[str]) -> None:
    policy(workers=workers[:2])
    assert workers_of(analyzer, analyzer.submit()) == set(workers[:2])


def test_a_rule_adds(analyzer: Api, rule: Rule, workers: list[str], word: str) -> None:
    """Only to the jobs that it matches; a worker is added once."""
    rule(meta(word, "yes", "ja"), {"workers": {"add": [workers[0], EXTERNAL]}})
    for value in ("yes", "ja"):
        assert workers_of(analyzer, analyzer.submit(metaData={word: value})) == {EXTERNAL, workers[0]}
    for metadata in ({}, {word: "no"}, {"another": "yes"}, {word: "YES!"}):
        assert workers_of(analyzer, analyzer.submit(metaData=metadata)) == {EXTERNAL}


def test_a_rule_removes(analyzer: Api, policy: Any, rule: Rule, workers: list[str], word: str) -> None:
    policy(workers=[EXTERNAL, *workers])
    rule(meta(word, "v"), {"workers": {"remove": [workers[0], workers[1]]}})
    assert workers_of(analyzer, analyzer.submit(metaData={word: "v"})) == {EXTERNAL, workers[2]}


def test_a_rule_sets(analyzer: Api, rule: Rule, workers: list[str], word: str) -> None:
    """The default workers are replaced."""
    rule(meta(word, "v"), {"workers": {"set": workers[1:]}})
    assert workers_of(analyzer, analyzer.submit(metaData={word: "v"})) == set(workers[1:])


def test_several_rules_compose_in_order(admin: Api, rule: Rule, workers: list[str], word: str) -> None:
    """customer before submission, then by creation: the later ones see what the earlier left."""
    rule(meta(word, "a"), {"workers": {"remove": [workers[0]], "add": [workers[1]]}})
    rule(meta(f"{word}2", "b"), {"workers": {"remove": [workers[1]], "add": [workers[2]]}})
    rule({"customer": {"customerOrGroup": ["default"]}}, {"workers": {"add": [workers[0]]}})
    assert workers_of(admin, admin.submit(metaData={word: "a", f"{word}2": "b"})) == {EXTERNAL, workers[2]}
    assert workers_of(admin, admin.submit(metaData={word: "a"})) == {EXTERNAL, workers[1]}
    assert workers_of(admin, admin.submit()) == {EXTERNAL, workers[0]}


def test_a_customer_rule_is_for_that_customer(
    analyzer: Api, stranger: Api, rule: Rule, workers: list[str]
) -> None:
    rule({"customer": {"customerOrGroup": ["other"]}}, {"workers": {"add": [workers[0]]}})
    assert workers_of(stranger, stranger.submit()) == {EXTERNAL, workers[0]}
    assert workers_of(analyzer, analyzer.submit()) == {EXTERNAL}


@pytest.mark.parametrize("prop", ["type", "superType"])
def test_a_classification_rule_is_for_that_class(
    analyzer: Api, rule: Rule, workers: list[str], prop: str
) -> None:
    """It sees the sample's latest classification, here on a job that is made by reanalysing."""
    png = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + unique().encode() * 40
    sample = analyzer.submit(png)
    classification = analyzer.sample.reclassify_sample(sample.sha256)["data"]
    rule({"classification": {prop: [classification[prop]]}}, {"workers": {"add": [workers[0]]}})
    job = analyzer.sample.reanalyse_sample(sample.sha256)["data"]["id"]
    tasks = analyzer.job.list_job_tasks(job)["data"]
    assert {t["worker"] for t in tasks} == {EXTERNAL, workers[0]}
    rule(
        {"classification": {"type": [unique()], "superType": [classification["superType"]]}},
        {"workers": {"add": [workers[1]]}},
    )
    job = analyzer.sample.reanalyse_sample(sample.sha256)["data"]["id"]
    assert workers[1] not in {t["worker"] for t in analyzer.job.list_job_tasks(job)["data"]}


def test_reanalysing_takes_the_latest_metadata(
    analyzer: Api, rule: Rule, workers: list[str], word: str
) -> None:
    rule(meta(word, "v"), {"workers": {"add": [workers[0]]}})
    sample = analyzer.submit(metaData={word: "v"})
    job = analyzer.sample.reanalyse_sample(sample.sha256)["data"]["id"]
    assert {t["worker"] for t in analyzer.job.list_job_tasks(job)["data"]} == {EXTERNAL, workers[0]}
    analyzer.submit(sample.data, metaData={word: "other"})
    job = analyzer.sample.reanalyse_sample(sample.sha256)["data"]["id"]
    assert {t["worker"] for t in analyzer.job.list_job_tasks(job)["data"]} == {EXTERNAL}


def test_a_deleted_rule_does_nothing(admin: Api, rule: Rule, workers: list[str], word: str) -> None:
    made = rule(meta(word, "v"), {"workers": {"add": [workers[0]]}})
    admin.policy.delete_default_analysis_rule(made["id"])
    assert workers_of(admin, admin.submit(metaData={word: "v"})) == {EXTERNAL}


def test_a_changed_rule_does_what_it_says_now(admin: Api, rule: Rule, workers: list[str], word: str) -> None:
    made = rule(meta(word, "v"), {"workers": {"add": [workers[0]]}})
    admin.policy.update_default_analysis_rule(made["id"], action={"workers": {"add": [workers[1]]}})
    assert workers_of(admin, admin.submit(metaData={word: "v"})) == {EXTERNAL, workers[1]}


def test_a_deleted_worker_gets_no_job_task(admin: Api, policy: Any, workers: list[str]) -> None:
    """It drops out of the policy without the policy being touched."""
    policy(workers=[EXTERNAL, workers[0]])
    admin.worker.delete_analysis_worker(workers[0])
    assert workers_of(admin, admin.submit()) == {EXTERNAL}
    shown = admin.policy.get_default_analysis_policy()["data"]["workers"]
    assert [w["shortName"] for w in shown] == [EXTERNAL]


def test_a_job_may_have_no_worker(admin: Api, rule: Rule, word: str) -> None:
    """It stays enqueued, so that job tasks can be added, and ends with them."""
    rule(meta(word, "v"), {"workers": {"remove": [EXTERNAL]}})
    sample = admin.submit(metaData={word: "v"})
    assert workers_of(admin, sample) == set()
    assert admin.job.get_job(sample.job)["data"]["state"] == "enqueued"
    task = admin.add_job_task(sample.job, "by-hand", "executing")
    admin.job.update_job_task(sample.job, task["id"], state="success")
    assert admin.job.get_job(sample.job)["data"]["state"] == "done"
