"""Contract section 4: upload, metadata and downloads of samples."""

import hashlib
import os
import shutil
import subprocess
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
import pyzipper
from argus_api.exceptions.http import ObjectNotFoundException, ValidationErrorException

from tests.contract.driver import AGENT, Api, Submitted, refused, sha256_of, unique

AES = 99
PASSWORD = b"infected"


def test_a_new_sample_is_created(analyzer: Api) -> None:
    """201 with the size, the lower-case sha256 and a solved challenge."""
    data = os.urandom(3000)
    answer = analyzer.upload.upload_sample(data)
    assert (analyzer.status, answer["responseCode"]) == (201, 201)
    assert answer["data"]["exists"] is False
    assert answer["data"]["sample"] == {"id": sha256_of(data), "size": 3000}
    assert answer["data"]["challenge"].keys() == {"id", "sha256"}


def test_a_known_sample_is_not_stored_twice(analyzer: Api) -> None:
    """200 with `exists`, and a token as well: the helper indexes it blindly."""
    data = os.urandom(100)
    first = analyzer.upload.upload_sample(data)["data"]
    second = analyzer.upload.upload_sample(data)
    assert (analyzer.status, second["responseCode"]) == (200, 200)
    assert second["data"]["exists"] is True
    assert second["data"]["sample"] == first["sample"]
    assert second["data"]["challenge"]["id"] != first["challenge"]["id"]


def test_a_file_is_uploaded_from_its_path(analyzer: Api, tmp_path: Path) -> None:
    path = tmp_path / "sample"
    path.write_bytes(os.urandom(500))
    assert analyzer.upload.upload_sample(path)["data"]["sample"]["id"] == sha256_of(path.read_bytes())


def test_the_generated_function_stores_its_json_text(analyzer: Api) -> None:
    """`lib.add_sample` cannot send bytes: what it sends is the sample."""
    answer = analyzer.sample.add_sample()
    assert analyzer.status in {200, 201}
    assert answer["data"]["sample"] == {"id": sha256_of(b"{}"), "size": 2}
    answer = analyzer.sample.add_sample(body={"word": unique()})
    assert analyzer.status == 201
    assert answer["data"]["sample"]["id"] == sha256_of(analyzer.last.request.body)


@pytest.mark.parametrize(
    "content_type",
    [
        *(None, "application/octet-stream", "application/x-www-form-urlencoded", "application/json"),
        *("multipart/form-data; boundary=x", "text/plain; charset=utf-8", "image/png", "nonsense"),
    ],
)
def test_any_content_type_is_bytes(analyzer: Api, content_type: str | None) -> None:
    """The body is the sample, whatever it is called."""
    data = b"--x\r\nname=value&other\r\n" + os.urandom(50)
    response = analyzer.send("POST", "/sample", data=data, headers={"Content-Type": content_type})
    assert response.status_code == 201
    assert response.json()["data"]["sample"]["id"] == sha256_of(data)


def test_a_chunked_body_is_taken(analyzer: Api) -> None:
    """Without a Content-Length."""
    chunks = [os.urandom(70_000) for _ in range(5)]
    response = analyzer.send("POST", "/sample", data=iter(chunks))
    assert response.status_code == 201
    assert response.json()["data"]["sample"] == {"id": sha256_of(b"".join(chunks)), "size": 350_000}


def test_an_empty_body_is_refused(analyzer: Api) -> None:
    with refused(412):
        analyzer.upload.upload_sample(b"")
    assert analyzer.send("POST", "/sample", data=iter([])).status_code == 412
    with refused(404):
        analyzer.sample.get_sample_meta_data(sha256_of(b""))


def test_metadata_describes_the_sample(analyzer: Api) -> None:
    """All hashes, the size, and the first and last times of submission and observation."""
    before = int(time.time() * 1000) - 60_000
    data = os.urandom(777)
    analyzer.submit(data, observedTimestamp=1_700_000_000_000)
    sample = analyzer.submit(data, observedTimestamp=1_600_000_000_000)
    meta = analyzer.sample.get_sample_meta_data(sample.sha256)["data"]
    assert meta["size"] == 777
    for name in ("sha256", "sha512", "sha1", "md5"):
        assert meta[name] == hashlib.new(name, data).hexdigest()
    assert before <= meta["createdTimestamp"] <= meta["firstSubmittedTimestamp"]
    assert meta["firstSubmittedTimestamp"] < meta["lastSubmittedTimestamp"]
    assert meta["firstObservedTimestamp"] == 1_600_000_000_000
    assert meta["lastObservedTimestamp"] == 1_700_000_000_000
    assert not {"deletedTimestamp", "latestVerdict"} & meta.keys()
    assert meta.get("flags", []) == []


def test_a_single_submission_is_first_and_last(analyzer: Api, submitted: Submitted) -> None:
    meta = analyzer.sample.get_sample_meta_data(submitted.sha256)["data"]
    submission = submitted.submission
    for name in ("first", "last"):
        assert meta[f"{name}SubmittedTimestamp"] == submission["submittedTimestamp"]
        assert meta[f"{name}ObservedTimestamp"] == submission["observedTimestamp"]


@pytest.mark.parametrize("sha256", ["abc", "g" * 64, "0" * 63, "0" * 65, "summary"])
def test_a_malformed_hash_is_refused(viewer: Api, sha256: str) -> None:
    with refused(412) as caught:
        viewer.sample.get_sample_meta_data(sha256)
    assert isinstance(caught.value, ValidationErrorException)


def test_an_unknown_sample_is_not_found(viewer: Api) -> None:
    with refused(404) as caught:
        viewer.sample.get_sample_meta_data("0" * 64)
    assert isinstance(caught.value, ObjectNotFoundException)


def test_the_raw_download_is_the_sample(viewer: Api, submitted: Submitted, tmp_path: Path) -> None:
    """As bytes from the generated function, and into a file by the helper."""
    response = viewer.sample.download_raw_sample(submitted.sha256)
    assert response.content == submitted.data
    assert response.headers["Content-Type"] == "application/octet-stream"
    target = tmp_path / "out"
    assert viewer.download.download_sample(submitted.sha256, target) == submitted.data
    assert target.read_bytes() == submitted.data


def assert_infected(path: Path, name: str, data: bytes) -> None:
    """The zip holds one encrypted entry that opens with `infected` and with nothing else."""
    with pyzipper.AESZipFile(path) as opened:
        assert opened.namelist() == [name]
        with pytest.raises(RuntimeError):
            opened.read(name, pwd=b"wrong")
        assert opened.read(name, pwd=PASSWORD) == data
    with zipfile.ZipFile(path) as plain:
        entry = plain.infolist()[0]
        assert entry.flag_bits & 1, "the entry is encrypted"
        if entry.compress_type != AES:
            assert plain.read(name, pwd=PASSWORD) == data


@pytest.mark.parametrize("data", [b"x", b"text " * 20_000, os.urandom(300_000)], ids=["one", "text", "noise"])
def test_the_safe_download_opens_with_the_password(analyzer: Api, tmp_path: Path, data: bytes) -> None:
    """By pyzipper, by the standard library for the traditional cipher, and by unzip where it is there."""
    data += unique().encode()
    sample = analyzer.submit(data)
    response = analyzer.sample.download_safe_sample(sample.sha256)
    assert response.headers["Content-Type"] == "application/zip"
    path = tmp_path / "safe.zip"
    path.write_bytes(response.content)
    assert_infected(path, sample.sha256, data)
    with zipfile.ZipFile(path) as plain:
        traditional = plain.infolist()[0].compress_type != AES
    if traditional and shutil.which("unzip"):
        command = ["unzip", "-P", PASSWORD.decode(), "-p", str(path)]
        assert subprocess.run(command, capture_output=True, check=True, timeout=60).stdout == data


@pytest.mark.parametrize("function", ["download_raw_sample", "download_safe_sample"])
def test_a_failed_download_is_an_envelope(viewer: Api, function: str) -> None:
    """The client's exceptions read JSON."""
    with refused(404) as caught:
        getattr(viewer.sample, function)("0" * 64)
    assert caught.value.parsed_resp["messages"]
    with refused(412):
        getattr(viewer.sample, function)("nothing")


def test_an_uploader_uploads_and_reads_nothing(as_role: Any, viewer: Api) -> None:
    """The main job of SAMPLEDB-UPLOADER: upload, challenge, submission."""
    uploader, data = as_role("uploader"), os.urandom(70_000)
    sha256 = uploader.upload.upload_sample(data)["data"]["sample"]["id"]
    answer = uploader.upload.add_submission(sha256, data, "file", AGENT["name"], AGENT["version"])
    assert (uploader.status, answer["data"]["sampleSha256"]) == (201, sha256)
    for read in (uploader.sample.get_sample_meta_data, uploader.sample.download_raw_sample):
        with refused(403):
            read(sha256)
    assert viewer.sample.get_sample_meta_data(sha256)["data"]["size"] == 70_000
