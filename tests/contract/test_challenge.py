"""Contract 5.1: the challenge protocol."""

import os
import uuid
from typing import Any

import pytest
from argus_api.exceptions.http import UnprocessableEntityException

from tests.contract.driver import AGENT, Api, Submitted, refused, sha256_of

BIG = 65_536


@pytest.fixture
def big(analyzer: Api) -> Submitted:
    return analyzer.submit(os.urandom(BIG))


def solve(api: Api, sample: Submitted) -> dict[str, Any]:
    return dict(api.challenge.generate_challenge_token(sample.sha256, sample.data))


def submit(api: Api, sample: Submitted, token: Any) -> None:
    api.sample.add_submission(sample.sha256, token, "again.bin", AGENT)


def test_the_challenge_is_a_part_of_the_sample(analyzer: Api, big: Submitted) -> None:
    """200 with a range inside the sample, from both functions of the client."""
    challenge = analyzer.sample.get_upload_challenge(big.sha256)["data"]
    assert analyzer.status == 200
    assert uuid.UUID(challenge["id"])
    assert challenge["offset"] >= 0
    assert challenge["length"] >= 1
    assert challenge["offset"] + challenge["length"] <= BIG


def test_challenges_differ(analyzer: Api, big: Submitted) -> None:
    challenges = [analyzer.sample.get_upload_challenge(big.sha256)["data"] for _ in range(8)]
    assert len({c["id"] for c in challenges}) == 8
    assert len({(c["offset"], c["length"]) for c in challenges}) > 1


def test_a_solved_challenge_admits_one_submission(analyzer: Api, big: Submitted) -> None:
    """Single use: the second submission with the same token is refused."""
    token = solve(analyzer, big)
    submit(analyzer, big, token)
    assert analyzer.status == 201
    with refused(412, 403) as caught:
        submit(analyzer, big, token)
    assert caught.value.parsed_resp["messages"][0]["field"].startswith("challengeToken")


def test_the_token_of_an_upload_admits_one_submission(analyzer: Api) -> None:
    data = os.urandom(40)
    uploaded = analyzer.upload.upload_sample(data)["data"]
    arguments = (uploaded["sample"]["id"], uploaded["challenge"], "small", AGENT)
    analyzer.sample.add_submission(*arguments)
    assert analyzer.status == 201
    with refused(412, 403):
        analyzer.sample.add_submission(*arguments)


def test_the_helper_solves_and_submits(analyzer: Api, big: Submitted) -> None:
    """`files.add_submission`, with all of its fields."""
    answer = analyzer.upload.add_submission(
        big.sha256,
        big.data,
        "name.exe",
        "agent",
        "2.0",
        customer="default",
        observedTimestamp=1_700_000_000_000,
        mimeType="application/x-dosexec",
        metaData={"k": "v"},
        tlp="green",
        retention="now + 1 year",
    )
    assert analyzer.status == 201
    added = answer["data"]
    assert (added["fileName"], added["mimeType"], added["tlp"]) == (
        "name.exe",
        "application/x-dosexec",
        "green",
    )
    assert added["userAgent"] == {"name": "agent", "version": "2.0"}
    assert added["metaData"] == {"k": "v"}


@pytest.mark.parametrize("size", [1, 8, 63])
def test_a_small_sample_has_no_challenge(analyzer: Api, size: int) -> None:
    """422, in the envelope: the one status that the helper answers by uploading again."""
    data = os.urandom(size)
    sha256 = analyzer.upload.upload_sample(data)["data"]["sample"]["id"]
    with refused(422) as caught:
        analyzer.sample.get_upload_challenge(sha256)
    assert isinstance(caught.value, UnprocessableEntityException)
    answer = analyzer.upload.add_submission(sha256, data, "small", "agent", "1")
    assert answer["data"]["sampleSha256"] == sha256


def test_an_unknown_sample_has_no_challenge(analyzer: Api) -> None:
    with refused(404):
        analyzer.sample.get_upload_challenge("0" * 64)
    with refused(404):
        analyzer.upload.add_submission("0" * 64, b"x" * BIG, "f", "a", "1")
    with refused(412):
        analyzer.sample.get_upload_challenge("nothing")


def test_a_wrong_answer_is_refused(analyzer: Api, big: Submitted) -> None:
    for wrong in (sha256_of(b"guess"), "", "xyz", big.sha256):
        token = solve(analyzer, big) | {"sha256": wrong}
        with refused(412, 403):
            submit(analyzer, big, token)


def test_a_token_belongs_to_its_sample(analyzer: Api, big: Submitted) -> None:
    other = analyzer.submit(os.urandom(BIG))
    with refused(412, 403):
        submit(analyzer, other, solve(analyzer, big))


def test_a_token_belongs_to_its_user(analyzer: Api, admin: Api, big: Submitted) -> None:
    """Another user's token is refused, and still works for its owner."""
    token = solve(admin, big)
    with refused(412, 403):
        submit(analyzer, big, token)
    submit(admin, big, token)
    assert admin.status == 201


@pytest.mark.parametrize(
    "token",
    [
        *({}, {"id": "no-uuid", "sha256": "0" * 64}, {"id": str(uuid.UUID(int=7))}, {"sha256": "0" * 64}),
        *({"id": str(uuid.UUID(int=7)), "sha256": "0" * 64}, "token", ["x"], None),
    ],
)
def test_what_is_no_token_is_refused(analyzer: Api, big: Submitted, token: Any) -> None:
    """Missing, malformed and unknown tokens, without a submission being stored."""
    body = {"challengeToken": token, "fileName": "x", "userAgent": AGENT}
    response = analyzer.send("POST", f"/sample/{big.sha256}/submission", json=body)
    assert response.status_code in {412, 403}
    assert response.json()["messages"][0]["field"].startswith("challengeToken")
    assert analyzer.sample.list_submissions(big.sha256)["count"] == 1


def test_a_refused_submission_does_not_use_up_the_token(analyzer: Api, big: Submitted) -> None:
    """A mistake in another field is found before the token is spent."""
    token = solve(analyzer, big)
    with refused(412):
        analyzer.sample.add_submission(big.sha256, token, "x", AGENT, tlp="red")
    submit(analyzer, big, token)
    assert analyzer.status == 201
