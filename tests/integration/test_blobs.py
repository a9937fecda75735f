"""The blob stores: one suite over a local folder and an S3-compatible server."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from moto.moto_server.threaded_moto_server import ThreadedMotoServer

from orchestrator.errors import NotFound, Unavailable
from orchestrator.settings import Settings
from orchestrator.store.blobs import Blobs, LocalBlobs, open_blobs

CONTENT = b"some bytes" * 100_000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    import boto3

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    boto3.client(
        "s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id="k", aws_secret_access_key="s"
    ).create_bucket(Bucket="samples")
    yield url
    server.stop()


@pytest.fixture(params=["local", "s3"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    if request.param == "local":
        return open_blobs(Settings(data_dir=tmp_path))
    return open_blobs(
        Settings(
            blob_url="s3://samples/here",
            s3_endpoint=request.getfixturevalue("s3"),
            s3_access_key="k",
            s3_secret_key="s",
        )
    )


def test_bytes_come_back_as_they_went_in(blobs: Blobs) -> None:
    facts = blobs.put([CONTENT[:10], CONTENT[10:]])
    assert (facts.sha256, facts.size) == (SHA256, len(CONTENT))
    assert facts.md5 == hashlib.md5(CONTENT).hexdigest()
    assert b"".join(blobs.open(SHA256)) == CONTENT
    assert blobs.read(SHA256, 5, 10) == CONTENT[5:15]
    with blobs.local(SHA256) as path:
        assert path.read_bytes() == CONTENT
    assert blobs.put([CONTENT]) == facts, "storing again changes nothing"
    blobs.check()


def test_what_is_missing_is_not_found(blobs: Blobs) -> None:
    missing = "f" * 64
    assert not blobs.exists(missing)
    blobs.delete(missing)
    with pytest.raises(NotFound):
        blobs.open(missing)
    with pytest.raises(NotFound):
        blobs.read(missing, 0, 1)
    with pytest.raises(NotFound), blobs.local(missing):
        pass


def test_a_deleted_blob_is_gone(blobs: Blobs) -> None:
    blobs.put([CONTENT])
    blobs.delete(SHA256)
    assert not blobs.exists(SHA256)


def test_an_upload_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    blobs = LocalBlobs(tmp_path)

    def broken() -> Iterator[bytes]:
        yield CONTENT
        raise ConnectionError

    with pytest.raises(ConnectionError):
        blobs.put(broken())
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_an_outage() -> None:
    """/dev/full takes no byte, as a full disk does."""
    blobs = LocalBlobs(Path("/dev/full"))
    with pytest.raises(Unavailable):
        blobs.put([CONTENT])


def test_a_disk_that_fills_up_meanwhile_is_an_outage(tmp_path: Path) -> None:
    """Nor is it anything else when the file is closed; nothing is left behind."""
    blobs = LocalBlobs(tmp_path)
    spool = blobs.spool()
    spool._file.close()
    spool._file = Path("/dev/full").open("wb")  # noqa: SIM115 - the spool closes it
    spool.write(CONTENT[:100])
    with pytest.raises(Unavailable), spool:
        blobs.keep(spool)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_is_away_is_an_outage() -> None:
    blobs = open_blobs(
        Settings(
            blob_url="s3://samples", s3_endpoint="http://127.0.0.1:9", s3_access_key="k", s3_secret_key="s"
        )
    )
    with pytest.raises(Unavailable):
        blobs.check()
