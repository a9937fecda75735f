"""Submissions over the API (contract section 5.2)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.domain.vocabulary import Role
from tests.integration.api import Api


def body(api: Api, content: bytes = b"a sample", **fields: Any) -> tuple[str, dict[str, Any]]:
    uploaded = api.upload(content)
    made = {
        "challengeToken": uploaded["challenge"],
        "fileName": "sample.bin",
        "userAgent": {"name": "tests", "version": "1.0"},
        **fields,
    }
    return uploaded["sample"]["id"], made


def test_a_submission_has_the_contract_s_defaults_and_starts_a_job(api: Api) -> None:
    submission = api.submit()
    assert submission["tlp"] == "amber"
    assert submission["mimeType"] == "application/octet-stream"
    assert submission["metaData"] == {}
    assert submission["flags"] == submission["acl"] == []
    assert submission["customer"]["shortName"] == "default"
    job = api.job_of(submission)
    assert job["state"] == "enqueued"
    assert job["analysedSample"] == {"id": submission["sampleSha256"], "size": 8}
    assert job["customer"] == submission["customer"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tlp", "red"),
        ("tlp", "purple"),
        ("customer", "nobody"),
        ("acl", ["nobody"]),
        ("retention", "soon"),
        ("retention", "now - 1 day"),
        ("userAgent", {"name": "sp ace", "version": "1"}),
        ("userAgent", {"name": "x"}),
        ("fileName", ""),
        ("fileName", "nul\x00"),
        ("metaData", {"a": "\x00"}),
        ("observedTimestamp", "yesterday"),
        ("challengeToken", None),
        ("challengeToken", {"id": "x", "sha256": "0" * 64}),
    ],
)
def test_a_bad_field_is_named_and_the_token_stays_good(api: Api, field: str, value: Any) -> None:
    sha256, good = body(api)
    answer = api.post(f"/sample/{sha256}/submission", {**good, field: value})
    assert answer.status_code == 412, answer.text
    message = answer.json()["messages"][0]
    assert message["type"] == "FIELD_ERROR"
    assert message["field"].startswith(field)
    assert api.post(f"/sample/{sha256}/submission", good).status_code == 201


def test_white_is_clear_and_scalars_are_lists(api: Api) -> None:
    submission = api.submit(tlp="white", acl="default-viewer", customer="default", metaData={"k": "v"})
    assert submission["tlp"] == "clear"
    assert [each["subject"]["shortName"] for each in submission["acl"]] == ["default-viewer"]
    assert submission["metaData"] == {"k": "v"}


def test_only_an_administrator_submits_for_another_customer(api: Api) -> None:
    api.key(Role.viewer, "other")
    sha256, made = body(api, customer="other")
    assert api.post(f"/sample/{sha256}/submission", made).status_code == 403
    assert api.submit(role=Role.administrator, customer="other")["customer"]["shortName"] == "other"


def test_times_are_widened_by_each_submission(api: Api) -> None:
    first = api.submit(observedTimestamp=1_700_000_000_000)
    second = api.submit(observedTimestamp="2020-01-01T00:00:00Z")
    meta = api.get(f"/sample/{first['sampleSha256']}").json()["data"]
    assert meta["lastObservedTimestamp"] == 1_700_000_000_000
    assert meta["firstObservedTimestamp"] == second["observedTimestamp"] == 1_577_836_800_000
    assert meta["lastSubmittedTimestamp"] >= meta["firstSubmittedTimestamp"]


def test_retention_gives_an_expiry(api: Api) -> None:
    submission = api.submit(retention="now + 1 day")
    assert submission["expiryTimestamp"] - submission["submittedTimestamp"] == pytest.approx(
        86_400_000, abs=60_000
    )


def test_a_similar_submission_within_the_window_is_accepted_but_not_stored(tmp_path: Path) -> None:
    api = Api(tmp_path, similar_submission_window=3600)
    try:
        api.submit()
        sha256, again = body(api)
        answer = api.post(f"/sample/{sha256}/submission", again)
        assert answer.status_code == 220
        assert answer.json()["responseCode"] == 220
        assert answer.json()["data"] == {"sampleSha256": sha256}
        assert api.post(f"/sample/{sha256}/submission", again).status_code == 412, "the token is used up"
        _, other = body(api, fileName="another.bin")
        assert api.post(f"/sample/{sha256}/submission", other).status_code == 201
        assert api.post("/job/search", {"sampleSha256": sha256}).json()["count"] == 2
    finally:
        api.close()


def test_a_full_queue_refuses_new_submissions_for_a_while(tmp_path: Path) -> None:
    api = Api(tmp_path, max_open_job_tasks=1)
    try:
        job = api.job_of(api.submit())
        api.post(f"/job/{job['id']}/task", {"worker": "w"})
        sha256, refused = body(api)
        answer = api.post(f"/sample/{sha256}/submission", refused)
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0
    finally:
        api.close()
