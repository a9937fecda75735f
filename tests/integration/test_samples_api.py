"""Samples over the API: upload, metadata, downloads, the proof of possession (contract 4 and 5.1)."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import pytest
import pyzipper

from orchestrator.domain.vocabulary import Role
from tests.integration.api import Api

CONTENT = bytes(range(256)) * 512


def test_an_upload_is_created_once_and_always_gives_a_solved_challenge(api: Api) -> None:
    first = api.call("POST", "/sample", content=CONTENT)
    second = api.call("POST", "/sample", content=CONTENT)
    assert (first.status_code, second.status_code) == (201, 200)
    for answer, exists in ((first, False), (second, True)):
        data = answer.json()["data"]
        assert data["exists"] is exists
        assert data["sample"] == {"id": hashlib.sha256(CONTENT).hexdigest(), "size": len(CONTENT)}
        assert set(data["challenge"]) == {"id", "sha256"}


@pytest.mark.parametrize("content_type", [None, "application/json", "text/plain", "application/octet-stream"])
def test_an_upload_may_have_any_content_type(api: Api, content_type: str | None) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    answer = api.call("POST", "/sample", content=b"{}", headers=headers)
    assert answer.status_code in (200, 201)
    assert answer.json()["data"]["sample"]["size"] == 2


def test_an_empty_upload_is_refused(api: Api) -> None:
    answer = api.call("POST", "/sample", content=b"")
    assert answer.status_code == 412
    assert answer.json()["messages"][0]["field"] == "body"


def test_an_upload_over_the_limit_is_cut_off_and_leaves_nothing(tmp_path: Path) -> None:
    api = Api(tmp_path, max_sample_size=1000)
    try:
        answer = api.call("POST", "/sample", content=b"x" * 1001)
        assert answer.status_code == 412, answer.text
        assert api.call("POST", "/sample", content=b"x" * 1000).status_code == 201
        left = [path.name for path in (tmp_path / "blobs").rglob("*") if path.is_file()]
        assert left == [hashlib.sha256(b"x" * 1000).hexdigest()]
    finally:
        api.close()


def test_metadata_and_downloads_give_back_what_was_submitted(api: Api) -> None:
    sha256 = api.submit(CONTENT)["sampleSha256"]
    meta = api.get(f"/sample/{sha256}").json()["data"]
    assert meta["size"] == len(CONTENT)
    assert meta["md5"] == hashlib.md5(CONTENT).hexdigest()
    assert meta["sha1"] == hashlib.sha1(CONTENT).hexdigest()
    assert meta["sha512"] == hashlib.sha512(CONTENT).hexdigest()
    assert meta["firstSubmittedTimestamp"] == meta["lastSubmittedTimestamp"]
    raw = api.get(f"/sample/{sha256}/raw")
    assert raw.content == CONTENT
    assert raw.headers["content-type"] == "application/octet-stream"
    safe = api.get(f"/sample/{sha256}/safe")
    assert safe.headers["content-type"] == "application/zip"
    with pyzipper.AESZipFile(io.BytesIO(safe.content)) as archive:
        archive.setpassword(b"infected")
        assert archive.read(archive.namelist()[0]) == CONTENT
    with pyzipper.AESZipFile(io.BytesIO(safe.content)) as archive, pytest.raises(RuntimeError):
        archive.read(archive.namelist()[0])


def test_a_sample_is_seen_only_through_a_submission_that_may_be_read(api: Api) -> None:
    sha256 = api.submit(CONTENT)["sampleSha256"]
    stranger = api.key(Role.analyzer, "stranger")
    for path in ("", "/raw", "/safe", "/submission"):
        assert api.get(f"/sample/{sha256}{path}", key=stranger).status_code == 403
    api.submit(CONTENT, key=stranger)
    for path in ("", "/raw", "/safe", "/submission"):
        assert api.get(f"/sample/{sha256}{path}", key=stranger).status_code == 200
    listed = api.get(f"/sample/{sha256}/submission", key=stranger).json()
    assert [each["customer"]["shortName"] for each in listed["data"]] == ["stranger"]


def test_a_grant_lets_another_customer_s_user_see_the_sample(api: Api) -> None:
    stranger = api.key(Role.viewer, "stranger")
    submission = api.submit(CONTENT, acl=["stranger-viewer"])
    path = f"/sample/{submission['sampleSha256']}"
    assert submission["acl"][0]["subject"]["shortName"] == "stranger-viewer"
    assert api.get(path, key=stranger).status_code == 200
    assert api.get(f"{path}/submission/{submission['id']}", key=stranger).status_code == 200


def test_a_challenge_asks_about_a_part_and_is_good_once(api: Api) -> None:
    sha256 = api.submit(CONTENT)["sampleSha256"]
    asked = api.post(f"/sample/{sha256}/challenge").json()["data"]
    start, length = asked["offset"], asked["length"]
    assert length >= 1
    assert start + length <= len(CONTENT)
    token = {"id": asked["id"], "sha256": hashlib.sha256(CONTENT[start : start + length]).hexdigest()}
    body = {"challengeToken": token, "fileName": "a", "userAgent": {"name": "t", "version": "1"}}
    assert api.post(f"/sample/{sha256}/submission", body).status_code == 201
    again = api.post(f"/sample/{sha256}/submission", body)
    assert again.status_code == 412
    assert again.json()["messages"][0]["field"] == "challengeToken"


def test_a_wrong_or_foreign_token_is_refused_and_stores_nothing(api: Api) -> None:
    uploaded = api.upload(CONTENT)
    sha256 = uploaded["sample"]["id"]
    agent = {"name": "t", "version": "1"}
    wrong = {"id": uploaded["challenge"]["id"], "sha256": "0" * 64}
    for token, options in ((wrong, {}), (uploaded["challenge"], {"role": Role.uploader})):
        body = {"challengeToken": token, "fileName": "a", "userAgent": agent}
        assert api.post(f"/sample/{sha256}/submission", body, **options).status_code == 412
    assert api.get(f"/sample/{sha256}/submission", role=Role.administrator).json()["count"] == 0


def test_unknown_and_too_small_samples_get_no_challenge(api: Api) -> None:
    assert api.post(f"/sample/{'0' * 64}/challenge").status_code == 404
    small = api.submit(b"8 bytes.")["sampleSha256"]
    assert api.post(f"/sample/{small}/challenge").status_code == 422


@pytest.mark.parametrize("sha256", ["x", "0" * 63, "g" * 64])
def test_a_malformed_hash_is_a_validation_error(api: Api, sha256: str) -> None:
    assert api.get(f"/sample/{sha256}").status_code == 412


def test_hashes_are_taken_in_upper_case_too(api: Api) -> None:
    sha256 = api.submit(CONTENT)["sampleSha256"]
    assert api.get(f"/sample/{sha256.upper()}").status_code == 200
