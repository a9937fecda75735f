import random
import re
import shutil
import struct
import subprocess
import sys

import pytest

from workers.elf import elf

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs an ELF interpreter")


@pytest.mark.skipif(shutil.which("readelf") is None, reason="readelf is not installed")
def test_agrees_with_readelf(analyse, python):
    """Libraries, entry point, sections and interpreter are those that readelf prints."""
    said = subprocess.run(["readelf", "-hldSW", python], capture_output=True, text=True, check=True).stdout
    result = analyse(elf, python).result
    assert set(result.libraries) == set(re.findall(r"Shared library: \[(.+?)\]", said))
    assert result.entry_point == int(re.search(r"Entry point address:\s+(0x\w+)", said)[1], 16)
    assert result.interpreter == re.search(r"Requesting program interpreter: (.+?)\]", said)[1]
    names = re.findall(r"\[ ?\d+\] (\S+) +[A-Z]", said)
    assert [section.name for section in result.sections if section.name] == [n for n in names if n != "NULL"]


def test_an_ordinary_program_is_not_odd(analyse, python):
    """The interpreter has imports, is hardened to some degree, and gets no score."""
    findings = analyse(elf, python)
    assert findings.score == -1
    assert findings.result.bits == 64
    assert not findings.result.statically_linked
    assert findings.result.hardening.stack_not_executable
    assert [fact.value for fact in findings.facts] == [findings.result.build_id]


def program(code: bytes = b"\x90" * 64, flags: int = 5, entry: int = 0x400078) -> bytes:
    """The smallest of ELFs: one loaded segment, no sections."""
    head = struct.pack(
        "<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 2, 62, 1, entry, 64, 0, 0, 64, 56, 1, 64, 0, 0
    )
    size = 120 + len(code)
    return head + struct.pack("<IIQQQQQQ", 1, flags, 0, 0x400000, 0x400000, size, size, 0x1000) + code


def odd(findings):
    return {trait.name for trait in findings.result.oddities}


def test_packed_code_is_odd(analyse):
    """Random bytes in memory that may be written and executed, without a section table, add up."""
    noise = random.Random(1).randbytes(20_000)
    findings = analyse(elf, program(noise, flags=7))
    assert odd(findings) >= {"segment-packed", "segment-writable-executable", "no-section-table"}
    assert findings.score == 60


def test_an_entry_point_outside_code_is_odd(analyse):
    """A program that starts where nothing is loaded is noticed."""
    assert "entry-point-outside-code" in odd(analyse(elf, program(entry=0x10)))
    assert "entry-point-outside-code" not in odd(analyse(elf, program()))


def test_broken_headers_fail_with_a_reason(analyse):
    """What is no ELF is refused in words."""
    for content in (b"", b"\x7fELF", b"MZ" + b"\0" * 100):
        with pytest.raises(ValueError, match="broken"):
            analyse(elf, content)


def test_cut_and_flipped_programs(analyse, python):
    """Broken programs are read as far as they go, or refused in words."""
    data, noise = python.read_bytes(), random.Random(3)
    broken = [data[:length] for length in range(16, min(len(data), 20_000), 400)]
    for _ in range(60):
        copy = bytearray(data)
        for _ in range(30):
            copy[noise.randrange(16, 0x400)] = noise.randrange(256)
        broken.append(bytes(copy))
    for content in broken:
        try:
            analyse(elf, content)
        except ValueError as error:
            assert "broken" in str(error)  # noqa: PT017 - both ways out are right
