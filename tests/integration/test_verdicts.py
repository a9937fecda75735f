"""Verdicts over the API, and those that the engine draws when jobs end (contract section 8)."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select

from orchestrator.domain.clock import now
from orchestrator.domain.ids import new_id
from orchestrator.domain.vocabulary import JobState, JobTaskState, LinkType, Role, StatusOverride, Tlp
from orchestrator.services import access, verdicts
from orchestrator.store.tables import (
    Analysis,
    Job,
    JobTask,
    JobTaskAnalysis,
    SampleLink,
    SampleRow,
    Subject,
    Verdict,
)
from tests.integration.api import Api
from tests.integration.test_analyses import add

AGENT = {"name": "external", "version": "1"}


@pytest.fixture
def submission(api: Api) -> dict[str, Any]:
    return api.submit()


def end(
    api: Api, submission: dict[str, Any], *analyses: str, state: str = "success", worker: str = "external"
) -> dict[str, Any]:
    """Let a new job task end the sample's newest job; the verdict that is then drawn."""
    job = api.job_of(submission)["id"]
    made = api.post(f"/job/{job}/task", {"worker": worker})
    assert made.status_code == 201, made.text
    path = f"/job/{job}/task/{made.json()['data']['id']}"
    answer = api.put(path, {"state": state, "analyses": list(analyses)})
    assert answer.status_code == 200, answer.text
    (verdict,) = [each for each in listed(api, submission) if each.get("job", {}).get("id") == job]
    return verdict


def again(api: Api, submission: dict[str, Any], *analyses: str, **options: Any) -> dict[str, Any]:
    """The verdict of a further job."""
    assert api.put(f"/sample/{submission['sampleSha256']}/reanalyse").status_code == 200
    return end(api, submission, *analyses, **options)


def listed(api: Api, submission: dict[str, Any], query: str = "") -> list[dict[str, Any]]:
    data: list[dict[str, Any]] = api.get(f"/sample/{submission['sampleSha256']}/verdict{query}").json()[
        "data"
    ]
    return data


def latest(api: Api, submission: dict[str, Any]) -> dict[str, Any]:
    data: dict[str, Any] = api.get(f"/sample/{submission['sampleSha256']}").json()["data"]["latestVerdict"]
    return data


def analysis(api: Api, submission: dict[str, Any], score: int, **fields: Any) -> str:
    identifier: str = add(api, submission["sampleSha256"], score, **{"userAgent": AGENT, **fields})[
        "analysisID"
    ]
    return identifier


def by_hand(
    api: Api, submission: dict[str, Any], status: str, comment: str = "seen (twice)!"
) -> dict[str, Any]:
    body = {"comment": comment, "statusOverride": status}
    answer = api.post(f"/sample/{submission['sampleSha256']}/verdict", body)
    assert answer.status_code == 201, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


def used(verdict: dict[str, Any]) -> list[str]:
    return [each["id"] for each in verdict["analysis"]]


def test_a_job_that_ends_has_a_verdict(api: Api, submission: dict[str, Any]) -> None:
    """It names the job and the analyses, and is the sample's latest."""
    detection = {"name": "x", "assessment": "malicious"}
    tag = {"type": "family", "value": "emotet"}
    one = analysis(api, submission, 64, tags=[tag], triggeredDetections=[detection], possibleDetections=9)
    verdict = end(api, submission, one)
    job = api.job_of(submission)
    assert verdict["job"] == {"id": job["id"], "state": "done"}
    assert (verdict["score"], verdict["sampleSha256"]) == (64, submission["sampleSha256"])
    assert verdict["tags"] == [{**tag, "count": 1}]
    assert verdict["analysis"] == [
        {
            "id": one,
            "analysisScore": 64,
            "impact": 100,
            "difference": 0,
            "possibleDetections": 9,
            "tags": [tag],
            "triggeredDetections": [detection],
            "userAgent": AGENT,
        }
    ]
    assert verdict["flags"] == []
    assert not {"statusOverride", "comment", "createdByUser"} & verdict.keys()
    assert latest(api, submission) == verdict


def test_no_findings_have_neither_impact_nor_difference(api: Api, submission: dict[str, Any]) -> None:
    verdict = end(api, submission, analysis(api, submission, -1))
    assert verdict["score"] == -1
    assert not {"impact", "difference"} & verdict["analysis"][0].keys()


@pytest.mark.parametrize("state", ["success", "failed", "cancelled"])
def test_without_analyses_there_are_no_findings(api: Api, submission: dict[str, Any], state: str) -> None:
    verdict = end(api, submission, state=state)
    assert (verdict["score"], verdict["analysis"]) == (-1, [])


def test_a_failure_falls_back_to_the_same_worker_s_newest(api: Api, submission: dict[str, Any]) -> None:
    """Not to another worker's, and not to what the failed run itself attached."""
    analysis(api, submission, 10)
    newest = analysis(api, submission, 20)
    analysis(api, submission, 95, userAgent={"name": "somebody-else", "version": "1"})
    assert used(end(api, submission, state="failed")) == [newest]
    attached = analysis(api, submission, 99)
    verdict = again(api, submission, attached, state="failed")
    assert (used(verdict), verdict["score"]) == ([newest], 20)


def test_what_was_cancelled_is_left_out(api: Api, submission: dict[str, Any]) -> None:
    end(api, submission, analysis(api, submission, 70))
    verdict = again(api, submission, state="cancelled")
    assert (verdict["score"], verdict["analysis"]) == (-1, [])


def test_a_success_counts_its_own_alone(api: Api, submission: dict[str, Any]) -> None:
    end(api, submission, analysis(api, submission, 70))
    new = analysis(api, submission, 10)
    assert used(again(api, submission, new)) == [new]


def test_another_customer_s_analysis_is_no_fallback_unless_shared(api: Api) -> None:
    stranger = api.key(Role.analyzer, "other")
    theirs = api.submit(key=stranger)
    sha256 = theirs["sampleSha256"]
    add(api, sha256, 90, key=stranger, customer="other", userAgent=AGENT)
    ours = api.submit()
    assert used(end(api, ours, state="failed")) == []
    green = add(api, sha256, 80, key=stranger, customer="other", userAgent=AGENT, tlp="green")
    assert used(again(api, ours, state="failed")) == [green["analysisID"]]


def test_overrides_of_analyses(api: Api, submission: dict[str, Any]) -> None:
    one = analysis(api, submission, 40, verdictStatusOverride="malicious")
    verdict = end(api, submission, one)
    assert (verdict["statusOverride"], verdict["score"]) == ("malicious", 100)
    other = analysis(api, submission, 40, verdictStatusOverride="benign")
    verdict = again(api, submission, one, other)
    assert "statusOverride" not in verdict
    assert (verdict["flags"], verdict["score"]) == (["contradictingStatusOverrides"], 40)


@pytest.mark.parametrize(("status", "score"), [("malicious", 100), ("benign", 0)])
def test_a_verdict_by_hand(api: Api, submission: dict[str, Any], status: str, score: int) -> None:
    verdict = by_hand(api, submission, status)
    assert (verdict["statusOverride"], verdict["score"], verdict["flags"]) == (status, score, ["manual"])
    assert verdict["comment"] == "seen (twice)!"
    assert verdict["createdByUser"]["shortName"] == "default-analyzer"
    assert (verdict["tags"], verdict["analysis"]) == ([], [])
    assert "job" not in verdict
    assert latest(api, submission) == verdict
    assert listed(api, submission) == [verdict]


def test_the_last_word_by_hand_wins_over_later_verdicts(api: Api, submission: dict[str, Any]) -> None:
    by_hand(api, submission, "malicious")
    by_hand(api, submission, "benign")
    verdict = end(api, submission, analysis(api, submission, 95, verdictStatusOverride="malicious"))
    assert (verdict["statusOverride"], verdict["score"], verdict["flags"]) == ("benign", 0, [])
    assert "createdByUser" not in verdict
    assert latest(api, submission) == verdict


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"comment": None}, "comment"),
        ({"comment": "<script>"}, "comment"),
        ({"comment": "\x00"}, "comment"),
        ({"comment": 7}, "comment"),
        ({"statusOverride": None}, "statusOverride"),
        ({"statusOverride": "unknown"}, "statusOverride"),
    ],
)
def test_a_wrong_verdict_is_refused(
    api: Api, submission: dict[str, Any], fields: dict[str, Any], field: str
) -> None:
    body = {"comment": "c", "statusOverride": "benign", **fields}
    answer = api.post(f"/sample/{submission['sampleSha256']}/verdict", body)
    assert answer.status_code == 412
    assert answer.json()["messages"][0]["field"] == field
    assert listed(api, submission) == []


def test_sorting_and_paging(api: Api, submission: dict[str, Any]) -> None:
    detections = [{"name": f"d{number}", "assessment": "malicious"} for number in range(3)]
    end(api, submission, analysis(api, submission, 30, triggeredDetections=detections))
    by_hand(api, submission, "malicious")
    assert [each["score"] for each in listed(api, submission)] == [100, 30]
    for query in ("createdTimestamp", "score", "-triggeredDetections"):
        assert [each["score"] for each in listed(api, submission, f"?sortBy={query}")] == [30, 100], query
    assert [each["score"] for each in listed(api, submission, "?limit=1&offset=1")] == [30]
    path = f"/sample/{submission['sampleSha256']}/verdict"
    assert api.get(f"{path}?sortBy=colour").status_code == 412


def test_access(api: Api, submission: dict[str, Any]) -> None:
    path = f"/sample/{submission['sampleSha256']}/verdict"
    for role in (Role.viewer, Role.uploader, Role.user):
        assert api.post(path, {}, role=role).status_code == 403
    stranger = api.key(Role.analyzer, "other")
    body = {"comment": "c", "statusOverride": "benign"}
    assert api.get(path, key=stranger).status_code == 403
    assert api.post(path, body, key=stranger).status_code == 403
    assert api.post(f"/sample/{'0' * 64}/verdict", body).status_code == 404


class Tree:
    """Samples that were extracted from one another, with closed jobs of one task each."""

    def __init__(self, api: Api) -> None:
        self.api = api
        with api.begin() as uow:
            user = access.service_user(uow)
            self.service, self.customer = user.id, user.customer_id
            uow.commit()

    def sample(self, name: str) -> str:
        sha256 = name * 64
        row = SampleRow(
            sha256=sha256, sha512=name * 128, sha1=name * 40, md5=name * 32, size=1, created_at=now()
        )
        self._add(row)
        return sha256

    def link(self, parent: str, child: str, user_id: int | None = None) -> None:
        self._add(
            SampleLink(
                sample_sha256=parent,
                reference=child,
                type=LinkType.child,
                tlp=Tlp.amber,
                customer_id=self.customer,
                user_id=user_id or self.service,
                user_agent_name="archive",
                user_agent_version="1",
                created_at=now(),
            )
        )

    def job(self, sha256: str, score: int, depth: int = 0, root: UUID | None = None, **options: Any) -> UUID:
        job = Job(
            id=new_id(),
            customer_id=self.customer,
            sample_sha256=sha256,
            state=JobState.done,
            depth=depth,
            root_job_id=root,
            enqueued_at=now(),
            deadline_at=now(),
            judged=options.pop("judged", True),
        )
        job_task = JobTask(
            id=new_id(),
            job_id=job.id,
            worker="w",
            state=JobTaskState.success,
            enqueued_at=now(),
            due_at=now(),
            deadline_at=now(),
        )
        analysis = Analysis(
            id=new_id(),
            sample_sha256=sha256,
            job_id=job.id,
            customer_id=self.customer,
            user_id=self.service,
            user_agent_name="w",
            user_agent_version="1",
            score=score,
            tlp=Tlp.amber,
            created_at=now(),
            **options,
        )
        self._add(job, job_task, analysis)
        self._add(JobTaskAnalysis(job_task_id=job_task.id, analysis_id=analysis.id))
        return job.id

    def _add(self, *rows: Any) -> None:
        with self.api.begin() as uow:
            for row in rows:
                uow.session.add(row)
                uow.flush()
            uow.commit()

    def judge(self, *job_ids: UUID) -> None:
        with self.api.begin() as uow:
            verdicts.judge(uow, job_ids)
            uow.commit()

    def score(self, sha256: str) -> int | None:
        """The score of the sample's latest verdict."""
        with self.api.begin(write=False) as uow:
            statement = select(Verdict.score).join(SampleRow, SampleRow.latest_verdict_id == Verdict.id)
            return uow.session.scalar(statement.where(SampleRow.sha256 == sha256))

    def count(self, sha256: str) -> int:
        with self.api.begin(write=False) as uow:
            statement = select(func.count()).select_from(Verdict).where(Verdict.sample_sha256 == sha256)
            return uow.session.scalar(statement) or 0


@pytest.fixture
def tree(api: Api) -> Tree:
    return Tree(api)


def test_many_jobs_are_judged_at_once(tree: Tree) -> None:
    """Each on its own evidence; two jobs over one sample give it two verdicts."""
    samples = [tree.sample(name) for name in "abc"]
    jobs = [tree.job(sample, score) for score, sample in enumerate(samples, 10)]
    jobs.append(tree.job(samples[0], 44))
    tree.judge(*jobs)
    assert [tree.count(sample) for sample in samples] == [2, 1, 1]
    assert [tree.score(sample) for sample in samples[1:]] == [11, 12]


def test_judging_nothing_is_fine(tree: Tree) -> None:
    tree.judge()
    tree.judge(uuid4())


def test_a_job_that_is_not_to_be_judged_leaves_the_verdict(tree: Tree) -> None:
    sample = tree.sample("a")
    tree.judge(tree.job(sample, 90))
    tree.judge(tree.job(sample, -1, judged=False))
    assert (tree.score(sample), tree.count(sample)) == (90, 1)


def test_the_root_takes_its_worst_child_s_score(tree: Tree) -> None:
    """Wherever the child's verdict was there first."""
    root, good, bad = (tree.sample(name) for name in "abc")
    tree.judge(tree.job(good, 5), tree.job(bad, 80))
    tree.link(root, good)
    tree.link(root, bad)
    tree.judge(tree.job(root, 20))
    assert tree.score(root) == 80


def test_a_client_s_link_says_nothing_about_content(tree: Tree) -> None:
    root, bad = tree.sample("a"), tree.sample("b")
    tree.judge(tree.job(bad, 80))
    with tree.api.begin() as uow:
        client = uow.session.scalar(select(Subject.id).where(Subject.short_name == "default-analyzer"))
    tree.link(root, bad, client)
    tree.judge(tree.job(root, 20))
    assert tree.score(root) == 20


def test_a_child_that_ends_later_raises_its_ancestors(tree: Tree) -> None:
    """Up to the root, whose jobs ended before; where nothing changes no verdict is added."""
    root, middle, leaf = (tree.sample(name) for name in "abc")
    root_job = tree.job(root, 20)
    tree.judge(root_job)
    tree.link(root, middle)
    tree.link(middle, leaf)
    middle_job = tree.job(middle, 10, 1, root_job)
    tree.judge(middle_job)
    assert (tree.score(root), tree.count(root)) == (20, 1)
    tree.judge(tree.job(leaf, 70, 2, root_job))
    assert [tree.score(sample) for sample in (root, middle, leaf)] == [70, 70, 70]
    assert [tree.count(sample) for sample in (root, middle, leaf)] == [2, 2, 1]


def test_an_override_of_the_root_stands_above_its_children(tree: Tree) -> None:
    root, leaf = tree.sample("a"), tree.sample("b")
    root_job = tree.job(root, 20, verdict_status_override=StatusOverride.benign)
    tree.judge(root_job)
    tree.link(root, leaf)
    tree.judge(tree.job(leaf, 100, 1, root_job))
    assert (tree.score(root), tree.count(root)) == (0, 1)


def test_samples_that_contain_each_other_come_to_an_end(tree: Tree) -> None:
    """A quine contains itself; two archives may contain each other."""
    one, other = tree.sample("a"), tree.sample("b")
    tree.link(one, one)
    tree.link(one, other)
    tree.link(other, one)
    root_job = tree.job(one, 10)
    other_job = tree.job(other, 30, 1, root_job)
    tree.judge(root_job)
    tree.judge(other_job)
    tree.judge(tree.job(one, 50, 2, root_job))
    assert tree.score(other) == 50
    assert tree.score(one) == 50
    assert tree.count(one) < 10
