import struct
import sys
from pathlib import Path

import pytest

from orchestrator.worker import NothingForMe
from tests.corpus.fetch import CACHE
from workers.packer import packer

#: What ClamAV's test files were made with, by the ends of their names; they hold a harmless program each.
WRAPPED = {
    "clam-aspack.exe": {"ASPack"},
    "clam-mew.exe": {"MEW"},
    "clam-nsis.exe": {"NSIS"},
    "clam-pespin.exe": {"PESpin"},
    "clam-petite.exe": {"Petite"},
    "clam-upack.exe": {"Upack"},
    "clam-upx.exe": {"UPX"},
    "clam-wwpack.exe": {"WWPack32"},
    "clam-yc.exe": {"UPX", "Yoda's Crypter"},
    "clam.ea05.exe": {"AutoIt", "UPX"},
    "clam.ea06.exe": {"AutoIt", "UPX"},
    "clam_ISmsi_int.exe": {"InstallShield"},
}


def builds(findings):
    return {build.name: build.version for build in findings.result.builds}


def elf(*marks: bytes) -> bytes:
    """An ELF that holds no more than these marks."""
    head = struct.pack(
        "<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 2, 62, 1, 0, 64, 0, 0, 64, 56, 1, 64, 0, 0
    )
    load = struct.pack("<IIQQQQQQ", 1, 5, 0, 0x400000, 0x400000, 4096, 4096, 0x1000)
    return (head + load).ljust(512, b"\0") + b"\0\0".join([b"", *marks, b""])


@pytest.mark.parametrize(("ending", "names"), sorted(WRAPPED.items()))
def test_real_packers_and_installers(analyse, ending, names):
    """Programs wrapped by the packers themselves are told apart."""
    files = sorted((CACHE / "clamav-testfiles-binary").glob(f"*-{ending}"))
    if not files:
        pytest.skip("no files: make corpus fetches them")
    findings = analyse(packer, files[0])
    assert set(builds(findings)) - {"Microsoft Visual C++"} == names
    packed = names - {"AutoIt", "NSIS", "InstallShield"} != set()
    assert findings.result.packed is packed
    assert (findings.score > 0) is packed


def test_windows_launchers(analyse, launchers):
    """The launchers inside pip start Python scripts, and were linked by Visual Studio."""
    for content in launchers.values():
        findings = analyse(packer, content)
        assert "Python script launcher" in builds(findings)
        assert (findings.score, findings.result.packed) == (-1, False)
    assert builds(analyse(packer, launchers["t64.exe"]))["Microsoft Visual C++"].count(".") == 1


def test_sections_of_upx(analyse, launchers):
    """A program whose sections are those of UPX is packed, and its version is read."""
    content = bytearray(launchers["t64.exe"])
    table = content.find(b".text\0\0\0")
    content[table : table + 8] = b"UPX0\0\0\0\0"
    content[0x3E0:0x3E9] = b"4.22\0UPX!"
    findings = analyse(packer, bytes(content))
    assert builds(findings)["UPX"] == "4.22"
    assert findings.score == 10
    assert [tag.value for tag in findings.tags] == ["packed"]
    assert [each.name for each in findings.detections] == ["packer: UPX 4.22"]
    assert ("packer", "UPX 4.22") in [(fact.key, fact.value) for fact in findings.facts]


@pytest.mark.skipif(sys.platform != "linux", reason="ruff is an ELF on Linux only")
def test_compilers_of_this_environment(analyse):
    """ruff, an ELF that everybody here has, is told to be written in Rust, with the compiler's version."""
    ruff = Path(sys.executable).with_name("ruff")
    assert builds(analyse(packer, ruff))["Rust"].startswith("1.")


@pytest.mark.parametrize(
    ("mark", "name", "version"),
    [
        (b"\xff Go buildinf:\x08\x02" + bytes(16) + b"\x08go1.22.3", "Go", "1.22.3"),
        (b"rustc version 1.81.0 (eeb90cda1 2024-09-04)", "Rust", "1.81.0"),
        (b"GCC: (Debian 12.2.0-14) 12.2.0", "GCC", "12.2.0"),
        (b"clang version 16.0.6", "Clang", "16.0.6"),
        (b"FPC 3.2.2 [2021/07/09] for x86_64 - Linux", "Free Pascal", "3.2.2"),
        (b"MEI\x0c\x0b\x0a\x0b\x0e" + bytes(20) + b"libpython3.11.so.1.0", "PyInstaller", "3.11"),
        (b"NUITKA_ONEFILE_PARENT", "Nuitka", ""),
        (b"/lib/ld-uClibc.so.0", "uClibc", ""),
        (b"/lib/ld-musl-x86_64.so.1", "musl", ""),
        (b"Electron/31.0.1\0electron.asar", "Electron", "31.0.1"),
        (b"E: neither argv[0] nor $_ works.", "shc (a shell script, encrypted)", ""),
    ],
)  # fmt: skip
def test_marks(analyse, mark, name, version):
    """Marks that compilers and run times leave, with the version that stands in them."""
    assert builds(analyse(packer, elf(mark))) == {name: version}


def test_upx_in_an_elf(analyse):
    """UPX marks an ELF near its beginning, and says its version further on."""
    content = elf(b"$Info: This file is packed with the UPX executable packer $\n$Id: UPX 4.24 Copyright")
    findings = analyse(packer, content[:300] + b"UPX!" + content[304:])
    assert builds(findings) == {"UPX": "4.24"}
    assert findings.score == 20


def test_nothing_recognised(analyse):
    """A program that bears no mark is nothing to tell of, and one that only names a packer is not packed."""
    for content in (elf(), elf(b"this scanner knows UPX! and .aspack and Themida"), b"MZ" + bytes(100)):
        with pytest.raises(NothingForMe):
            analyse(packer, content)
