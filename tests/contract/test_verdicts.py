"""Contract section 8: verdicts, by hand and by the engine when a job ends."""

from typing import Any

import pytest

from tests.contract.driver import EXTERNAL, Api, Submitted, await_, refused

AGENT = {"name": EXTERNAL, "version": "1"}


def judged(api: Api, sample: Submitted, *analyses: dict[str, Any]) -> dict[str, Any]:
    """The verdict of the sample's first job, ended with these analyses of the one worker."""
    ids = [
        api.add_analysis(
            sample.sha256, a["score"], userAgent=AGENT, **{k: v for k, v in a.items() if k != "score"}
        )["analysisID"]
        for a in analyses
    ]
    api.finish(sample.job, analyses=ids)
    verdict = api.verdict_of(sample.job, sample.sha256)
    assert [a["id"] for a in verdict["analysis"]] == ids or len(ids) > 1
    assert {a["id"] for a in verdict["analysis"]} == set(ids)
    return verdict


def latest(api: Api, sample: Submitted) -> dict[str, Any]:
    return dict(api.sample.get_sample_meta_data(sample.sha256)["data"]["latestVerdict"])


@pytest.mark.parametrize("score", [0, 1, 50, 100])
def test_a_single_analysis_is_the_verdict(analyzer: Api, submitted: Submitted, score: int) -> None:
    """Its score, with all of the impact and no difference; the metadata shows it."""
    verdict = judged(analyzer, submitted, {"score": score, "possibleDetections": 7})
    assert verdict["score"] == score
    assert verdict["job"] == {"id": submitted.job, "state": "done"}
    assert verdict["sampleSha256"] == submitted.sha256
    (used,) = verdict["analysis"]
    assert (used["analysisScore"], used["impact"], used["difference"]) == (score, 100, 0)
    assert (used["userAgent"], used["possibleDetections"]) == (AGENT, 7)
    assert not {"statusOverride", "createdByUser", "comment"} & verdict.keys()
    assert verdict["flags"] == []
    assert latest(analyzer, submitted) == verdict


def test_several_analyses_are_weighed(analyzer: Api, submitted: Submitted) -> None:
    """The score lies between theirs; impacts share 100; a difference is the way to the verdict."""
    verdict = judged(analyzer, submitted, {"score": 20}, {"score": 80}, {"score": 80})
    assert 20 < verdict["score"] < 80
    assert sum(a["impact"] for a in verdict["analysis"]) in range(98, 103)
    for used in verdict["analysis"]:
        assert used["difference"] == used["analysisScore"] - verdict["score"]


def test_no_findings_are_minus_one(analyzer: Api, submitted: Submitted) -> None:
    """Without a usable finding; such an analysis has neither impact nor difference."""
    verdict = judged(analyzer, submitted, {"score": -1})
    assert verdict["score"] == -1
    assert not {"impact", "difference"} & verdict["analysis"][0].keys()


def test_no_findings_do_not_weigh(analyzer: Api, submitted: Submitted) -> None:
    verdict = judged(analyzer, submitted, {"score": -1}, {"score": 60})
    assert verdict["score"] == 60
    impacts = {a["analysisScore"]: a.get("impact") for a in verdict["analysis"]}
    assert impacts == {-1: None, 60: 100}


def test_a_job_without_analyses_has_a_verdict(analyzer: Api, submitted: Submitted) -> None:
    verdict = judged(analyzer, submitted)
    assert (verdict["score"], verdict["analysis"]) == (-1, [])


@pytest.mark.parametrize(("status", "score"), [("malicious", 100), ("benign", 0)])
def test_an_analysis_may_override_the_status(
    analyzer: Api, submitted: Submitted, status: str, score: int
) -> None:
    """Then the verdict has the status, and the score of that status."""
    verdict = judged(analyzer, submitted, {"score": 40, "verdictStatusOverride": status}, {"score": 60})
    assert (verdict["statusOverride"], verdict["score"]) == (status, score)
    assert verdict["flags"] == []


def test_overrides_that_contradict_each_other(analyzer: Api, submitted: Submitted) -> None:
    """No override, and a flag."""
    verdict = judged(
        analyzer,
        submitted,
        {"score": 90, "verdictStatusOverride": "malicious"},
        {"score": 10, "verdictStatusOverride": "benign"},
    )
    assert "statusOverride" not in verdict
    assert verdict["flags"] == ["contradictingStatusOverrides"]


def test_tags_are_united_and_counted(analyzer: Api, submitted: Submitted) -> None:
    family, yara = {"type": "family", "value": "emotet"}, {"type": "yara", "value": "packer"}
    detection = {"name": "x", "assessment": "malicious"}
    verdict = judged(
        analyzer,
        submitted,
        {"score": 90, "tags": [family, yara], "triggeredDetections": [detection]},
        {"score": 80, "tags": [family]},
    )
    counts = {(t["type"], t["value"]): t["count"] for t in verdict["tags"]}
    assert counts == {("family", "emotet"): 2, ("yara", "packer"): 1}
    by_score = {a["analysisScore"]: a for a in verdict["analysis"]}
    assert by_score[90]["triggeredDetections"] == [detection]
    assert by_score[80]["tags"] == [family]


def again(api: Api, sample: Submitted, state: str, **fields: Any) -> dict[str, Any]:
    """The verdict of a further job that ends in a state."""
    job = api.sample.reanalyse_sample(sample.sha256)["data"]["id"]
    api.finish(job, state, **fields)
    return api.verdict_of(job, sample.sha256)


def test_a_failure_falls_back_to_the_worker_s_previous_analysis(analyzer: Api, submitted: Submitted) -> None:
    first = judged(analyzer, submitted, {"score": 70})
    verdict = again(analyzer, submitted, "failed")
    assert verdict["score"] == 70
    assert [a["id"] for a in verdict["analysis"]] == [a["id"] for a in first["analysis"]]


def test_only_the_same_worker_s_analysis_stands_in(analyzer: Api, submitted: Submitted) -> None:
    """Another worker's earlier analysis does not count for the one that failed."""
    analyzer.add_analysis(submitted.sha256, 95, userAgent={"name": "somebody-else", "version": "1"})
    analyzer.finish(submitted.job, "failed")
    verdict = analyzer.verdict_of(submitted.job, submitted.sha256)
    assert (verdict["score"], verdict["analysis"]) == (-1, [])


def test_what_was_cancelled_is_left_out(analyzer: Api, submitted: Submitted) -> None:
    judged(analyzer, submitted, {"score": 70})
    verdict = again(analyzer, submitted, "cancelled")
    assert (verdict["score"], verdict["analysis"]) == (-1, [])


def test_a_success_counts_its_own_analyses_only(analyzer: Api, submitted: Submitted) -> None:
    judged(analyzer, submitted, {"score": 70})
    new = analyzer.add_analysis(submitted.sha256, 10, userAgent=AGENT)["analysisID"]
    verdict = again(analyzer, submitted, "success", analyses=[new])
    assert (verdict["score"], [a["id"] for a in verdict["analysis"]]) == (10, [new])


@pytest.mark.parametrize(("status", "score"), [("malicious", 100), ("benign", 0)])
def test_a_verdict_by_hand(analyzer: Api, submitted: Submitted, status: str, score: int) -> None:
    """201, with its comment, the flag `manual` and the user who gave it."""
    verdict = analyzer.sample.add_verdict(submitted.sha256, "seen before (twice)!", status)["data"]
    assert analyzer.status == 201
    assert (verdict["statusOverride"], verdict["score"]) == (status, score)
    assert (verdict["comment"], verdict["flags"]) == ("seen before (twice)!", ["manual"])
    assert verdict["createdByUser"]["id"] == analyzer.me["id"]
    assert "job" not in verdict
    assert latest(analyzer, submitted) == verdict
    assert analyzer.sample.list_verdicts(submitted.sha256)["data"] == [verdict]


def test_a_verdict_by_hand_wins_over_later_ones(analyzer: Api, submitted: Submitted) -> None:
    """An automatic verdict after it carries its status."""
    analyzer.sample.add_verdict(submitted.sha256, "a known tool", "benign")
    verdict = judged(analyzer, submitted, {"score": 95})
    assert verdict["statusOverride"] == "benign"
    assert latest(analyzer, submitted)["statusOverride"] == "benign"
    assert latest(analyzer, submitted)["score"] == 0


def test_the_last_word_by_hand_counts(analyzer: Api, submitted: Submitted) -> None:
    analyzer.sample.add_verdict(submitted.sha256, "a known tool", "benign")
    analyzer.sample.add_verdict(submitted.sha256, "no, it is not", "malicious")
    assert judged(analyzer, submitted, {"score": 5})["statusOverride"] == "malicious"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("comment", None),
        ("comment", "\x00"),
        ("comment", 7),
        ("statusOverride", None),
        ("statusOverride", "unknown"),
        ("statusOverride", ["benign"]),
    ],
)
def test_a_wrong_verdict_is_refused(analyzer: Api, submitted: Submitted, field: str, value: Any) -> None:
    body = {"comment": "c", "statusOverride": "benign", field: value}
    response = analyzer.send("POST", f"/sample/{submitted.sha256}/verdict", json=body)
    assert response.status_code == 412
    assert response.json()["messages"][0]["field"].startswith(field)
    assert analyzer.sample.list_verdicts(submitted.sha256)["count"] == 0


def test_verdicts_are_sorted(analyzer: Api, submitted: Submitted) -> None:
    """Newest first; by score and by the number of triggered detections on request."""
    detections = [{"name": f"d{n}", "assessment": "malicious"} for n in range(3)]
    judged(analyzer, submitted, {"score": 30, "triggeredDetections": detections})
    analyzer.sample.add_verdict(submitted.sha256, "c", "malicious")

    def scores(*keys: str) -> list[int]:
        return [
            v["score"] for v in analyzer.sample.list_verdicts(submitted.sha256, sortBy=keys or None)["data"]
        ]

    assert scores() == [100, 30]
    assert scores("createdTimestamp") == [30, 100]
    assert scores("score") == [30, 100]
    assert scores("-triggeredDetections") == [30, 100]
    with refused(412):
        scores("colour")


def test_the_engine_judges_what_celery_workers_found(admin: Api, policy: Any) -> None:
    """The service's own workers run, their job ends, and its verdict names their analyses."""
    policy(workers=["hashes", "strings"])
    sample = admin.submit()
    await_(lambda: admin.job.get_job(sample.job)["data"]["state"] == "done", "the job")
    tasks = admin.job.list_job_tasks(sample.job)["data"]
    assert {t["worker"]: t["state"] for t in tasks} == {"hashes": "success", "strings": "success"}
    verdict = admin.verdict_of(sample.job, sample.sha256)
    assert {a["id"] for a in verdict["analysis"]} == {a["id"] for t in tasks for a in t["analyses"]}
    for task in tasks:
        assert [a["userAgent"]["name"] for a in task["analyses"]] == [task["worker"]]
