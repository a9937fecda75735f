"""What a search finds of samples whose state or time has changed, over both databases."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import update

from orchestrator.domain.clock import now
from orchestrator.domain.vocabulary import Role
from orchestrator.store.tables import SampleRow, Submission
from tests.integration.api import Api


def test_the_index_period_is_the_last_month_unless_told(
    api: Api,
) -> None:
    """Samples count by when they came, submissions by when they were submitted."""
    old = api.submit(b"old" * 500)
    before = now() - timedelta(days=40)
    with api.begin() as uow:
        uow.session.execute(update(SampleRow).values(created_at=before))
        uow.session.execute(update(Submission).values(submitted_at=before))
        uow.commit()
    for path, wide in (
        ("/sample/search", {"indexStartTimestamp": "now - 2 months"}),
        ("/submission/search", {"indexStartTimestamp": 0, "indexEndTimestamp": "now - 39 days"}),
    ):
        assert api.post(path, {}).json()["count"] == 0
        assert api.post(path, {"indexStartTimestamp": None}).json()["count"] == 0
        assert api.post(path, wide).json()["count"] == 1
    assert api.get(f"/sample?keywords={old['sampleSha256']}").json()["count"] == 0
    assert api.get("/submission?indexStartTimestamp=now+-+41+days").json()["count"] == 1


def test_a_deleted_sample_is_not_found(api: Api) -> None:
    """Nor by a sub-criterion, nor by a keyword."""
    made = api.submit(b"gone" * 500)
    with api.begin() as uow:
        uow.session.execute(update(SampleRow).values(deleted_at=now()))
        uow.commit()
    sha256 = made["sampleSha256"]
    for body in ({}, {"sha256": sha256}, {"keywords": sha256[:9]}, {"subCriteria": [{"sha256": sha256}]}):
        assert api.post("/sample/search", body, role=Role.administrator).json()["count"] == 0


def test_classifications_and_verdicts_count_where_they_are_the_latest(api: Api) -> None:
    """What a sample was once thought to be does not match."""
    sha256 = api.submit(b"judged" * 500)["sampleSha256"]
    for status in ("malicious", "benign"):
        answer = api.post(f"/sample/{sha256}/verdict", {"comment": f"is {status}", "statusOverride": status})
        assert answer.status_code == 201, answer.text

    def count(**body: Any) -> int:
        found: int = api.post("/sample/search", body).json()["count"]
        return found

    assert count(verdict=[{"maximumScore": 0}]) == 1
    assert count(verdict=[{"minimumScore": 100}]) == 0
    assert count(verdict=[{"includeFlags": ["manual"]}]) == 1
    assert count(verdict=[{"excludeFlags": ["manual"]}]) == 0
    assert count(verdict=[{"includeFlags": ["shared"]}]) == 0
    assert count(verdict=[{"excludeFlags": ["shared", "contradictingStatusOverrides"]}]) == 1
    assert count(keywords=["is benign"], keywordFieldStrategy=["verdict"]) == 1
    assert count(keywords=["is malicious"], keywordFieldStrategy=["verdict"]) == 0
