import random

import pytest

from tests.unit.workers.ole import compound
from workers.filetype import filetype

module = pytest.importorskip("workers.msg", reason="the extra office is not installed", exc_type=ImportError)
msg = module.msg


def message(*attachments: tuple[str, bytes]) -> bytes:
    """An Outlook message as [MS-OXMSG] names its streams."""
    texts = {
        "0037": "Hello",
        "0C1A": "Ann",
        "5D01": "ann@corp.example.com",
        "0E04": "bob@corp.example.com",
        "1000": "See http://evil.example.com/x",
    }
    streams = {f"__substg1.0_{number}001F": text.encode("utf-16-le") for number, text in texts.items()}
    streams["__properties_version1.0"] = bytes(32)
    for number, (name, content) in enumerate(attachments):
        place = f"__attach_version1.0_#{number:08X}"
        streams[f"{place}/__substg1.0_3707001F"] = name.encode("utf-16-le")
        streams[f"{place}/__substg1.0_37010102"] = content
    return compound(streams)


def test_a_message(analyse):
    """Sender, subject and body are read; a link comes out defanged; no attachment is no score."""
    findings = analyse(msg, message())
    result = findings.result
    assert (result.sender, result.sender_name, result.subject) == ("ann@corp.example.com", "Ann", "Hello")
    assert "hxxp://evil[.]example[.]com/x" in [each.value for each in result.indicators]
    assert findings.score == -1
    assert analyse(filetype, message()).classification.type == "msg"


def test_attachments(analyse):
    """Attachments become children under their own names; one that lies about its kind counts most."""
    findings = analyse(msg, message(("note.txt", b"hello"), ("x/invoice.pdf.exe", b"MZ" * 3000)))
    found = {child.name: child.path.read_bytes() for child in findings.children}
    assert found == {"note.txt": b"hello", "invoice.pdf.exe": b"MZ" * 3000}
    assert [trait.name for trait in findings.result.traits] == ["attachment-double-extension"]
    assert findings.score == 50


def test_broken_messages(analyse):
    """A broken message is read as far as it goes, or refused in words."""
    content, noise = message(("a.bin", b"x" * 100)), random.Random(15)
    broken = [b"", b"x", content[:600]]
    for _ in range(40):
        copy = bytearray(content)
        for _ in range(20):
            copy[noise.randrange(30, len(copy))] = noise.randrange(256)
        broken.append(bytes(copy))
    for each in broken:
        try:
            analyse(msg, each)
        except ValueError as error:
            assert "broken" in str(error)  # noqa: PT017 - both ways out are right
