"""Contract 5.2: submissions."""

import time
import uuid
from typing import Any

import pytest

from tests.contract.driver import AGENT, Api, Submitted, fields_of, refused, unique


def test_every_field_comes_back(analyzer: Api) -> None:
    """What was given is what is stored and read."""
    fields = {
        "fileName": "Rechnung Ü.pdf.exe",
        "userAgent": {"name": "mail-gateway:1", "version": "2.3 (beta) [x]"},
        "customer": "default",
        "observedTimestamp": 1_650_000_000_123,
        "mimeType": "application/pdf",
        "metaData": {"sender": "a@example.org", "dotted.key": "value, with comma"},
        "tlp": "green",
    }
    sample = analyzer.submit(**fields)
    read = analyzer.sample.get_submission(sample.sha256, sample.submission["id"])["data"]
    assert read == sample.submission
    assert read["customer"]["shortName"] == "default"
    assert {name: read[name] for name in fields if name != "customer"} == {
        name: value for name, value in fields.items() if name != "customer"
    }
    assert read["sampleSha256"] == sample.sha256
    assert read["flags"] == []


def test_defaults(analyzer: Api) -> None:
    """amber, octet-stream, no metadata, observed now, the caller's customer, kept for ever."""
    added = analyzer.submit().submission
    assert (added["tlp"], added["mimeType"], added["metaData"]) == ("amber", "application/octet-stream", {})
    assert added["customer"]["shortName"] == "default"
    assert abs(added["observedTimestamp"] - time.time() * 1000) < 600_000
    assert abs(added["submittedTimestamp"] - time.time() * 1000) < 600_000
    assert "expiryTimestamp" not in added


def test_the_least_body_is_enough(analyzer: Api) -> None:
    """Token, file name and user agent; the client's defaults need not be there."""
    data = unique().encode()
    uploaded = analyzer.upload.upload_sample(data)["data"]
    body = {"challengeToken": uploaded["challenge"], "fileName": "x", "userAgent": AGENT}
    response = analyzer.send("POST", f"/sample/{uploaded['sample']['id']}/submission", json=body)
    assert response.status_code == 201


def test_red_is_refused(analyzer: Api) -> None:
    with refused(412) as caught:
        analyzer.submit(tlp="red")
    assert fields_of(caught) == ["tlp"]


def test_white_is_clear(analyzer: Api) -> None:
    """The older name is taken, the newer one is given."""
    assert analyzer.submit(tlp="white").submission["tlp"] == "clear"
    assert analyzer.submit(tlp="clear").submission["tlp"] == "clear"


@pytest.mark.parametrize("missing", ["challengeToken", "fileName", "userAgent"])
def test_what_is_required(analyzer: Api, submitted: Submitted, missing: str) -> None:
    body = {
        "challengeToken": {"id": str(uuid.UUID(int=7)), "sha256": "0" * 64},
        "fileName": "x",
        "userAgent": AGENT,
    }
    del body[missing]
    response = analyzer.send("POST", f"/sample/{submitted.sha256}/submission", json=body)
    assert response.status_code == 412
    assert response.json()["messages"][0]["field"].startswith(missing)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("userAgent", {"name": "a b", "version": "1"}),
        ("userAgent", {"name": "a"}),
        ("userAgent", {"version": "1"}),
        ("userAgent", {"name": "a", "version": "1\x00"}),
        ("userAgent", "agent"),
        ("tlp", "blue"),
        ("customer", "nobody-by-that-name"),
        ("customer", 999_999_999),
        ("observedTimestamp", "someday"),
        ("metaData", ["k"]),
        ("metaData", {"k": {"nested": 1}}),
        ("fileName", None),
        ("fileName", 7),
        ("mimeType", 7),
    ],
)
def test_a_wrong_field_is_refused(analyzer: Api, field: str, value: Any) -> None:
    data = unique().encode()
    uploaded = analyzer.upload.upload_sample(data)["data"]
    body = {"challengeToken": uploaded["challenge"], "fileName": "x", "userAgent": AGENT, field: value}
    response = analyzer.send("POST", f"/sample/{uploaded['sample']['id']}/submission", json=body)
    assert response.status_code == 412
    assert response.json()["messages"][0]["field"].startswith(field)


def test_a_customer_is_named_by_id_or_short_name(analyzer: Api) -> None:
    """As a number, as a numeric string and as a name."""
    known = analyzer.submit().submission["customer"]
    for reference in (known["id"], str(known["id"]), known["shortName"]):
        assert analyzer.submit(customer=reference).submission["customer"]["id"] == known["id"]


def test_the_newest_comes_first(analyzer: Api, submitted: Submitted) -> None:
    ids = [submitted.submission["id"]]
    ids += [analyzer.submit(submitted.data, fileName=unique()).submission["id"] for _ in range(3)]
    listed = analyzer.sample.list_submissions(submitted.sha256)
    assert [s["id"] for s in listed["data"]] == ids[::-1]
    assert listed["count"] == 4


def test_a_submission_belongs_to_its_sample(viewer: Api, analyzer: Api, submitted: Submitted) -> None:
    """An unknown id, and one of another sample, are not found."""
    other = analyzer.submit()
    for wrong in (str(uuid.uuid4()), other.submission["id"]):
        with refused(404):
            viewer.sample.get_submission(submitted.sha256, wrong)
    with refused(404):
        viewer.sample.get_submission("0" * 64, submitted.submission["id"])
    with refused(412, 404):
        viewer.sample.get_submission(submitted.sha256, "no-uuid")


def test_an_unknown_sample_has_no_submissions(analyzer: Api) -> None:
    with refused(404):
        analyzer.sample.list_submissions("0" * 64)
    body = {
        "challengeToken": {"id": str(uuid.UUID(int=7)), "sha256": "0" * 64},
        "fileName": "x",
        "userAgent": AGENT,
    }
    assert analyzer.send("POST", f"/sample/{'0' * 64}/submission", json=body).status_code == 404


def test_a_repeated_submission_is_stored(analyzer: Api, submitted: Submitted) -> None:
    """The window for similar submissions is off unless it is set: 201, and a job of its own."""
    again = analyzer.submit(submitted.data)
    assert again.submission["id"] != submitted.submission["id"]
    assert again.job != submitted.job
    assert analyzer.job.search_jobs(sampleSha256=[submitted.sha256])["count"] == 2


def test_a_submission_makes_a_job(analyzer: Api, submitted: Submitted) -> None:
    """The job is there with the answer, for the submission's customer, with the policy's job tasks."""
    job = analyzer.job.get_job(submitted.job)["data"]
    assert job["analysedSample"] == {"id": submitted.sha256, "size": len(submitted.data)}
    assert job["customer"] == submitted.submission["customer"]
    assert job["state"] == "enqueued"
    assert analyzer.only_task(submitted.job)["worker"] == "external"


def test_the_acl_says_who_granted_what(analyzer: Api) -> None:
    """References may be bare; each entry has its subject, who granted it and when."""
    me = analyzer.me
    added = analyzer.submit(acl=me["shortName"]).submission
    assert [entry["subject"]["id"] for entry in added["acl"]] == [me["id"]]
    assert added["acl"][0]["subject"]["type"] == "user"
    assert added["acl"][0]["grantedByUser"]["shortName"] == me["shortName"]
    assert abs(added["acl"][0]["grantedTimestamp"] - time.time() * 1000) < 600_000


def test_an_unknown_acl_subject_is_refused(analyzer: Api) -> None:
    with refused(412) as caught:
        analyzer.submit(acl=["nobody-by-that-name"])
    assert fields_of(caught)[0].startswith("acl")
