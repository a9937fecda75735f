import random
import struct
import zipfile

import pefile
import pytest

from workers.pe import pe


def test_headers_agree_with_another_parser(analyse, launchers):
    """Sections, imports, entry point and imphash are those that pefile reads."""
    for data in launchers.values():
        result, other = analyse(pe, data).result, pefile.PE(data=data)
        assert result.imphash == other.get_imphash()
        assert result.entry_point == other.OPTIONAL_HEADER.AddressOfEntryPoint
        assert [section.name for section in result.sections] == [
            section.Name.rstrip(b"\0").decode() for section in other.sections
        ]
        assert {each.library for each in result.imports} == {
            entry.dll.decode() for entry in other.DIRECTORY_ENTRY_IMPORT
        }
        assert not result.library
        assert result.machine in {"i386", "amd64", "arm64"}


def test_an_ordinary_program_is_not_odd(analyse, launchers):
    """Nothing odd is no score, rather than a benign one."""
    findings = analyse(pe, launchers["t64.exe"])
    assert findings.score == -1
    assert findings.detections == []


def test_sections_have_rights_and_entropy(analyse, launchers):
    """Code may be executed, and no part of a plain program looks random."""
    sections = {each.name: each for each in analyse(pe, launchers["w64.exe"]).result.sections}
    assert sections[".text"].rights == "r-x"
    assert all(0 <= each.entropy < 7 for each in sections.values())


def rewrite(data: bytes, change) -> bytes:
    image = pefile.PE(data=data)
    change(image)
    return image.write()


def test_a_packed_program_is_odd(analyse, launchers):
    """Random content, packer names and memory both writable and executable add up, to no more than 60."""
    noise = random.Random(1)

    def pack(image):
        code = image.sections[0]
        image.set_bytes_at_offset(code.PointerToRawData, noise.randbytes(code.SizeOfRawData))
        code.Name = b"UPX1\0\0\0\0"
        code.Characteristics |= 0x80000000

    findings = analyse(pe, rewrite(launchers["t64.exe"], pack))
    names = {trait.name for trait in findings.result.oddities}
    assert {"packer-upx", "section-packed", "section-writable-executable", "entry-point-writable"} <= names
    assert 40 <= findings.score <= 60


def test_an_entry_point_in_the_headers_is_odd(analyse, launchers):
    """Code that starts outside every section is noticed."""

    def move(image):
        image.OPTIONAL_HEADER.AddressOfEntryPoint = 0x10

    findings = analyse(pe, rewrite(launchers["t32.exe"], move))
    assert "entry-point-outside-sections" in {each.name for each in findings.detections}


def test_an_appended_archive_becomes_a_child(analyse, launchers, tmp_path):
    """What pip makes of a launcher, program plus ZIP, is reported as an overlay and handed on."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("__main__.py", "print(1)")
    appended = (tmp_path / "a.zip").read_bytes()
    findings = analyse(pe, launchers["t64.exe"] + appended)
    assert findings.result.overlay_size == len(appended)
    assert findings.result.overlay_offset == len(launchers["t64.exe"])
    assert [child.path.read_bytes() for child in findings.children] == [appended]


def test_broken_headers_fail_with_a_reason(analyse):
    """What is no PE at all is refused in words."""
    for content in (b"", b"M", b"MZ", b"MZ" + b"\0" * 200):
        with pytest.raises(ValueError, match="broken"):
            analyse(pe, content)


def test_cut_programs_are_read_as_far_as_they_go(analyse, launchers):
    """At any length a program is either read or refused in words: no other way out."""
    data = launchers["w32.exe"]
    for length in range(64, len(data), len(data) // 60):
        try:
            analyse(pe, data[:length])
        except ValueError as error:
            assert "broken" in str(error)  # noqa: PT017 - both ways out are right


def test_flipped_bits_do_not_break_it(analyse, launchers):
    """Changed headers and tables give another result or a refusal, never another error."""
    noise = random.Random(7)
    for _ in range(80):
        data = bytearray(launchers["t32.exe"])
        for _ in range(noise.randrange(1, 40)):
            data[noise.randrange(0x400)] = noise.randrange(256)
        try:
            analyse(pe, bytes(data))
        except ValueError as error:
            assert "broken" in str(error)  # noqa: PT017 - both ways out are right


def test_hostile_names_come_out_harmless(analyse, launchers):
    """A section name of control bytes is written out."""

    def rename(image):
        image.sections[0].Name = b"\x00\x1b[2J\xff\xfe\x01"

    data = rewrite(launchers["t64.exe"], rename)
    assert analyse(pe, data).result.sections[0].name == "\\x00\\x1b[2J\\xff\\xfe\\x01"


def test_endless_resource_trees_end(analyse, launchers):
    """A resource directory that points at itself is not followed for ever."""

    def loop(image):
        base = image.OPTIONAL_HEADER.DATA_DIRECTORY[2]
        offset = image.get_offset_from_rva(base.VirtualAddress)
        image.set_bytes_at_offset(offset + 20, struct.pack("<I", 0x80000000))

    analyse(pe, rewrite(launchers["t64.exe"], loop))
