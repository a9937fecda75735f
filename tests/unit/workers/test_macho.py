import random
import struct

import pytest

from workers.macho import macho

LIBRARY = b"/usr/lib/a.dylib"
X86_64, ARM64 = 0x01000007, 0x0100000C


def segment(name: bytes, content: bytes, offset: int, rights: int) -> bytes:
    size = len(content)
    return struct.pack("<II16sQQQQiiII", 0x19, 72, name, 0x100000000, size, offset, size, 7, rights, 0, 0)


def library(path: bytes) -> bytes:
    padded = path + b"\0" * (8 - len(path) % 8)
    return struct.pack("<IIIIII", 0xC, 24 + len(padded), 24, 0, 0, 0) + padded


def program(
    cpu: int, content: bytes = b"\x90" * 64, rights: int = 5, needs: bytes = b"/usr/lib/a.dylib"
) -> bytes:
    """A small Mach-O: one segment with content, one library."""
    offset = 32 + 72 + len(library(needs))
    commands = segment(b"__TEXT", content, offset, rights) + library(needs)
    return struct.pack("<IIIIIIII", 0xFEEDFACF, cpu, 3, 2, 2, len(commands), 0x200085, 0) + commands + content


def fat(*slices: tuple[int, bytes]) -> bytes:
    head, body, start = struct.pack(">II", 0xCAFEBABE, len(slices)), b"", 4096
    for cpu, content in slices:
        head += struct.pack(">IIIII", cpu, 3, start + len(body), len(content), 12)
        body += content.ljust(4096, b"\0")
    return head.ljust(4096, b"\0") + body


def test_thin(analyse):
    """A thin file has one slice with its processor, kind and libraries, and nothing odd."""
    findings = analyse(macho, program(ARM64))
    (only,) = findings.result.slices
    assert (only.machine, only.kind, only.libraries) == ("arm64", "execute", ["/usr/lib/a.dylib"])
    assert only.position_independent
    assert not only.signed
    assert findings.score == -1


def test_fat(analyse):
    """A fat file has a slice for each processor."""
    content = fat((X86_64, program(X86_64)), (ARM64, program(ARM64)))
    assert [each.machine for each in analyse(macho, content).result.slices] == ["x86_64", "arm64"]


def test_odd_structure(analyse):
    """Random code in memory that may be written, and a library from a folder open to all, add up."""
    noise = random.Random(1).randbytes(20_000)
    findings = analyse(macho, program(X86_64, noise, rights=7, needs=b"/tmp/hook.dylib"))
    names = {trait.name for trait in findings.result.oddities}
    assert names == {"segment-packed", "segment-writable-executable", "library-writable-by-all"}
    assert findings.score == 60


def test_broken_headers_fail_with_a_reason(analyse):
    """What is no Mach-O is refused in words."""
    for content in (b"", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe\0\0\0\x09", b"MZ" + b"\0" * 100):
        with pytest.raises(ValueError, match="broken"):
            analyse(macho, content)


def test_cut_and_flipped_programs(analyse):
    """Broken programs are read as far as they go, or refused in words."""
    data, noise = fat((X86_64, program(X86_64)), (ARM64, program(ARM64))), random.Random(5)
    for _ in range(150):
        copy = bytearray(data[: noise.randrange(4, len(data))])
        for _ in range(20):
            copy[noise.randrange(4, len(copy))] = noise.randrange(256)
        try:
            analyse(macho, bytes(copy))
        except ValueError as error:
            assert "broken" in str(error)  # noqa: PT017 - both ways out are right
