import hashlib
import shutil
import socket
import struct
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestrator.worker import Detection, NothingForMe, Tag, TemporaryError
from workers.clamav import clamav

needs_clamscan = pytest.mark.skipif(shutil.which("clamscan") is None, reason="clamscan is not installed")


@pytest.fixture
def signatures(tmp_path, eicar):
    """A folder with one signature: the MD5 of EICAR."""
    folder = tmp_path / "signatures"
    folder.mkdir()
    digest = hashlib.md5(eicar).hexdigest()
    (folder / "own.hdb").write_text(f"{digest}:{len(eicar)}:Win.Test.EICAR_HDB-1\n")
    return {"clamav.signatures": str(folder)}


@needs_clamscan
def test_a_signature_of_the_operators(analyse, signatures, eicar):
    """The engine's name is a malicious detection, its family a tag; other files have no score."""
    findings = analyse(clamav, eicar, options=signatures)
    assert findings.score == 100
    assert findings.result.names[0].startswith("Win.Test.EICAR_HDB-1")
    assert findings.detections[0].assessment == "malicious"
    clean = analyse(clamav, b"harmless", options=signatures)
    assert (clean.score, clean.result.names) == (-1, [])


@needs_clamscan
def test_without_signatures(analyse, tmp_path):
    """An empty folder is nothing to work with; a wrong one is an error that names the option."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(NothingForMe, match="signatures"):
        analyse(clamav, b"x", options={"clamav.signatures": str(tmp_path / "empty")})
    with pytest.raises(FileNotFoundError, match=r"clamav\.signatures"):
        analyse(clamav, b"x", options={"clamav.signatures": str(tmp_path / "nowhere")})


@needs_clamscan
def test_a_broken_signature_fails_in_words(analyse, tmp_path):
    """The engine's own complaint is the failure's message."""
    (tmp_path / "own.hdb").write_text("nonsense\n")
    with pytest.raises(RuntimeError, match="clamscan"):
        analyse(clamav, b"x", options={"clamav.signatures": str(tmp_path)})


def test_without_clamscan(analyse, monkeypatch):
    """Where the engine is not installed there is nothing to do, and the reason is given."""
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NothingForMe, match="clamscan"):
        analyse(clamav, b"x")


@contextmanager
def daemon(answer: str):
    """A clamd that answers this to whatever is streamed to it, and keeps what it got."""
    got = bytearray()
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listening:
        place = str(Path(folder) / "clamd.sock")
        listening.bind(place)
        listening.listen()

        def serve():
            connection, _ = listening.accept()
            with connection, connection.makefile("rb") as stream:
                assert stream.read(10) == b"zINSTREAM\0"
                while length := struct.unpack(">I", stream.read(4))[0]:
                    got.extend(stream.read(length))
                connection.sendall(answer.encode() + b"\0")

        thread = threading.Thread(target=serve)
        thread.start()
        yield {"clamav.socket": place}, got
        thread.join()


@pytest.mark.parametrize(
    ("name", "score", "assessment"),
    [("Win.Trojan.Agent-1234", 100, "malicious"), ("PUA.Win.Packer.Upx-1", 50, "unknown")],
)
def test_a_daemon(analyse, name, score, assessment):
    """clamd gets the sample whole, and its name for it is reported with its weight."""
    content = bytes(range(256)) * 10_000
    with daemon(f"stream: {name} FOUND") as (options, got):
        findings = analyse(clamav, content, options=options)
    assert bytes(got) == content
    assert (findings.score, findings.detections) == (score, [Detection(name, assessment)])
    assert (Tag("family", "Agent") in findings.tags) == (name == "Win.Trojan.Agent-1234")


def test_a_daemon_that_finds_nothing(analyse):
    """OK is no score."""
    with daemon("stream: OK") as (options, _):
        assert analyse(clamav, b"x", options=options).score == -1


def test_a_daemon_that_is_not_there(analyse, tmp_path):
    """A daemon that does not answer may answer later: the job task is tried again."""
    with pytest.raises(TemporaryError, match="clamd"):
        analyse(clamav, b"x", options={"clamav.socket": str(tmp_path / "no.sock")})


def test_a_daemon_that_refuses(analyse):
    """The daemon's own error is the failure's message."""
    answer = "INSTREAM size limit exceeded. ERROR"
    with daemon(answer) as (options, _), pytest.raises(RuntimeError, match="size limit"):
        analyse(clamav, b"x", options=options)
