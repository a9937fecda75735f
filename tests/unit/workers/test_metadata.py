import io
import json
import random
import subprocess

import pikepdf
import pytest
from PIL import Image

from orchestrator.worker import NothingForMe

module = pytest.importorskip("workers.metadata", reason="exiftool is not installed", exc_type=ImportError)
metadata = module.metadata


@pytest.fixture
def photo() -> bytes:
    """A JPEG that names its camera and its place."""
    picture, buffer = Image.new("RGB", (32, 32)), io.BytesIO()
    exif = picture.getexif()
    exif[0x010F], exif[0x0110] = "Maker", "Camera 1"
    exif.get_ifd(0x8825).update({1: "N", 2: (59.0, 54.0, 0.0), 3: "E", 4: (10.0, 45.0, 0.0)})
    picture.save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


def test_camera_and_place(analyse, photo):
    """The camera becomes a fact, the place is given in degrees."""
    findings = analyse(metadata, photo)
    assert findings.result.tags["IFD0"]["Model"] == "Camera 1"
    assert findings.result.gps == "+59.90000, +10.75000"
    assert ("metadataModel", "Camera 1") in [(fact.key, fact.value) for fact in findings.facts]
    assert findings.score == -1


def test_agrees_with_exiftool_by_hand(analyse, photo, tmp_path):
    """Every tag but those about the file's place here is what exiftool prints."""
    (tmp_path / "a.jpg").write_bytes(photo)
    command = ["exiftool", "-json", "-G1", tmp_path / "a.jpg"]
    said = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)[0]
    groups = analyse(metadata, photo).result.tags
    mine = {f"{group}:{name}": value for group, tags in groups.items() for name, value in tags.items()}
    theirs = {key for key in said if ":" in key and not key.startswith(("System:", "ExifTool:"))}
    assert set(mine) == theirs
    assert mine["File:ImageWidth"] == "32"


def test_a_document(analyse, tmp_path):
    """A PDF's author and program are read."""
    made = pikepdf.new()
    made.add_blank_page()
    made.docinfo["/Author"] = "Ann\x07"
    made.save(tmp_path / "a.pdf")
    findings = analyse(metadata, tmp_path / "a.pdf")
    assert ("metadataAuthor", "Ann\\x07") in [(fact.key, fact.value) for fact in findings.facts]


def test_nothing_about_the_place_here(analyse, photo):
    """Neither the path nor the times of the copy under analysis get into the result."""
    document = analyse(metadata, photo).result.model_dump_json()
    assert "sample.bin" not in document
    assert "Directory" not in document


def test_no_metadata(analyse):
    """What exiftool does not know is nothing for us, with its reason."""
    for content in (b"", b"\x00" * 100):
        with pytest.raises(NothingForMe, match="metadata"):
            analyse(metadata, content)


def test_broken_pictures(analyse, photo):
    """A broken picture gives what can be read of it."""
    noise = random.Random(13)
    for _ in range(5):
        copy = bytearray(photo[: noise.randrange(200, len(photo))])
        copy[noise.randrange(20, len(copy))] ^= 0xFF
        analyse(metadata, bytes(copy))
