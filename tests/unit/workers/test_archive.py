import bz2
import gzip
import io
import lzma
import os
import shutil
import subprocess
import tarfile
import zipfile

import pytest
import pyzipper

from orchestrator.worker import NothingForMe
from workers.archive import archive

needs_7z = pytest.mark.skipif(shutil.which("7z") is None, reason="7z is not installed")


def make_zip(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as container:
        for name, content in members.items():
            container.writestr(name, content)
    return buffer.getvalue()


def make_tar(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as container:
        for info, content in members:
            info.size = len(content)
            container.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def children(findings) -> dict[str, bytes]:
    return {child.name: child.path.read_bytes() for child in findings.children}


def traits(findings) -> dict[str, int]:
    return {trait.name: trait.weight for trait in findings.result.traits}


def test_a_wheel_is_taken_out_whole_up_to_the_limit(analyse, wheel):
    """Files of a real wheel become children with their own content; beyond 200 the rest is only listed."""
    findings = analyse(archive, wheel)
    with zipfile.ZipFile(wheel) as container:
        assert findings.result.entry_count == len(container.namelist())
        for name, content in children(findings).items():
            assert container.read(name) == content
    assert len(findings.children) == 200
    assert "200" in findings.result.stopped
    assert findings.score == -1


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_zip_methods(analyse, method):
    """Every method of the standard library is read."""
    assert children(analyse(archive, make_zip({"a/b.txt": b"hello " * 99}, method))) == {
        "a/b.txt": b"hello " * 99
    }


@pytest.mark.parametrize(
    ("compress", "name"),
    [(gzip.compress, "a.txt.gz"), (bz2.compress, "a.txt.bz2"), (lzma.compress, "a.txt.xz")],
)
def test_compressed_files(analyse, compress, name):
    """A compressed file's content is its only child, named without the last extension."""
    assert children(analyse(archive, compress(b"content"), name)) == {"a.txt": b"content"}


@pytest.mark.parametrize("cipher", ["zipcrypto", "aes"])
def test_infected_is_tried(analyse, tmp_path, cipher):
    """An archive locked the way samples are passed around is opened, and the password reported."""
    path = tmp_path / "locked.zip"
    if cipher == "aes":
        with pyzipper.AESZipFile(path, "w", encryption=pyzipper.WZ_AES) as container:
            container.setpassword(b"infected")
            container.writestr("evil.bin", b"payload")
    elif shutil.which("7z"):
        (tmp_path / "evil.bin").write_bytes(b"payload")
        command = ["7z", "a", "-tzip", "-mem=ZipCrypto", "-pinfected", path, tmp_path / "evil.bin"]
        subprocess.run(command, check=True, capture_output=True)
    else:
        pytest.skip("7z is not installed")
    findings = analyse(archive, path)
    assert children(findings) == {"evil.bin": b"payload"}
    assert (findings.result.encrypted, findings.result.password) == (True, "infected")


def test_a_password_of_the_operators(analyse, tmp_path):
    """The option's passwords are tried first; without them the archive stays shut and is said to be."""
    path = tmp_path / "locked.zip"
    with pyzipper.AESZipFile(path, "w", encryption=pyzipper.WZ_AES) as container:
        container.setpassword(b"s3cret")
        container.writestr("evil.bin", b"payload")
    shut = analyse(archive, path)
    assert (children(shut), shut.result.encrypted, shut.result.password) == ({}, True, "")
    assert shut.result.entries[0].name == "evil.bin"
    opened = analyse(archive, path, options={"archive.passwords": "other, s3cret"})
    assert children(opened) == {"evil.bin": b"payload"}


def test_a_bomb_is_stopped(analyse):
    """A gigabyte in a megabyte is stopped at a hundredfold, scored, and leaves nothing on the disk."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as container:
        container.writestr("first.txt", b"taken out before")
        with container.open("bomb", "w", force_zip64=True) as member:
            for _ in range(1024):
                member.write(bytes(1 << 20))
    findings = analyse(archive, buffer.getvalue())
    assert findings.score == 60
    assert "archive-bomb" in traits(findings)
    assert children(findings) == {"first.txt": b"taken out before"}
    assert sum(file.stat().st_size for file in findings.children[0].path.parent.iterdir()) < 1000


def test_a_compressed_bomb_is_stopped(analyse):
    """The same with gzip, which states no size at all."""
    findings = analyse(archive, gzip.compress(bytes(200 << 20)), "bomb.gz")
    assert "archive-bomb" in traits(findings)
    assert findings.children == []


def test_much_small_content_is_no_bomb(analyse):
    """Text that compresses well is not taken for a bomb."""
    findings = analyse(archive, make_zip({"log.txt": b"the same line again\n" * 500_000}))
    assert findings.score == -1
    assert len(findings.children) == 1


def test_an_archive_in_an_archive_is_one_child(analyse):
    """Only one layer is opened: the inner archive is a sample of its own, with a job of its own."""
    inner = make_zip({"deep.txt": b"x"})
    assert children(analyse(archive, make_zip({"inner.zip": inner}))) == {"inner.zip": inner}


@pytest.mark.parametrize(
    "name", ["../../etc/cron.d/x", "/etc/passwd", "a/../../x", "..\\..\\x", "C:\\Windows\\x"]
)
def test_paths_that_lead_out(analyse, name):
    """Such a member is reported and its content handed on, but under a harmless name and path."""
    findings = analyse(archive, make_zip({name: b"content"}))
    assert "path-traversal" in traits(findings)
    assert findings.score == 50
    (child,) = findings.children
    assert ".." not in child.name.split("/")
    assert not child.name.startswith("/")


@pytest.mark.parametrize(
    ("kind", "target", "leads_out"),
    [
        (tarfile.SYMTYPE, "/etc/shadow", True),
        (tarfile.SYMTYPE, "../../x", True),
        (tarfile.LNKTYPE, "../../x", True),
        (tarfile.SYMTYPE, "beside", False),
    ],
)
def test_links_are_reported_and_never_followed(analyse, kind, target, leads_out):
    """A link becomes no child; one that points outside the archive is a trick."""
    info = tarfile.TarInfo("d/link")
    info.type, info.linkname = kind, target
    findings = analyse(archive, make_tar((info, b""), (tarfile.TarInfo("file"), b"content")))
    assert children(findings) == {"file": b"content"}
    assert ("link-outside" in traits(findings)) == leads_out


def test_devices_are_left_alone(analyse):
    """A device or a pipe in a tar is listed, nothing more."""
    info = tarfile.TarInfo("pipe")
    info.type = tarfile.FIFOTYPE
    findings = analyse(archive, make_tar((info, b""), (tarfile.TarInfo("file"), b"content")))
    assert [entry.kind for entry in findings.result.entries] == ["device", "file"]
    assert children(findings) == {"file": b"content"}


@pytest.mark.parametrize("name", ["invoice.pdf.exe", "photo.jpg   .scr", "letter\u202efdp.exe"])
def test_names_that_lie(analyse, name):
    """A name that shows another kind of file than it is, is a trick."""
    assert analyse(archive, make_zip({name: b"MZ"})).score >= 50


def test_broken_archives(analyse, wheel):
    """A damaged member is reported and what could be read of it handed on; garbage is nothing for us."""
    whole = make_zip({"a.bin": os.urandom(100_000)}, zipfile.ZIP_STORED)
    flipped = bytearray(whole)
    flipped[50_000] ^= 0xFF
    assert "damaged" in traits(analyse(archive, bytes(flipped)))
    cut = gzip.compress(os.urandom(100_000))[:50_000]
    findings = analyse(archive, cut, "cut.gz")
    assert "damaged" in traits(findings)
    assert len(findings.children) == 1
    for content in (b"", b"x", b"PK\x03\x04", b"PK\x03\x04" + bytes(50)):
        with pytest.raises(NothingForMe):
            analyse(archive, content)


def test_a_cut_tar(analyse):
    """A tar that ends in the middle gives what came before."""
    content = make_tar((tarfile.TarInfo("a"), b"1" * 600), (tarfile.TarInfo("b"), b"2" * 60_000))
    findings = analyse(archive, content[:20_000])
    assert children(findings)["a"] == b"1" * 600
    assert "damaged" in traits(findings)


def test_many_empty_entries_stay_small(analyse):
    """An archive of ten thousand names is counted, and listed only up to a thousand."""
    findings = analyse(archive, make_zip({f"{n}/": b"" for n in range(10_000)}))
    assert (findings.result.entry_count, len(findings.result.entries)) == (10_000, 1000)


@needs_7z
def test_formats_of_7z(analyse, tmp_path):
    """A 7z with encrypted headers is opened; the listing agrees with 7z's own."""
    (tmp_path / "a.txt").write_text("content")
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "b.bin").write_bytes(b"\0\1\2")
    command = ["7z", "a", "-pinfected", "-mhe=on", "x.7z", "a.txt", "d"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    findings = analyse(archive, tmp_path / "x.7z")
    assert children(findings) == {"a.txt": b"content", "d/b.bin": b"\0\1\2"}
    assert findings.result.password == "infected"


@needs_7z
def test_a_bomb_in_7z(analyse, tmp_path):
    """What 7z unpacks is watched: it is ended when it writes too much."""
    with (tmp_path / "zeros").open("wb") as file:
        file.truncate(600 << 20)
    subprocess.run(["7z", "a", "-mx=1", "x.7z", "zeros"], cwd=tmp_path, check=True, capture_output=True)
    findings = analyse(archive, tmp_path / "x.7z")
    assert "archive-bomb" in traits(findings)
    assert findings.children == []


@needs_7z
def test_a_password_that_7z_does_not_find(analyse, tmp_path):
    """A 7z with another password stays shut, and that is a result and not a failure."""
    (tmp_path / "a.txt").write_text("content")
    subprocess.run(
        ["7z", "a", "-pother", "-mhe=on", "x.7z", "a.txt"], cwd=tmp_path, check=True, capture_output=True
    )
    findings = analyse(archive, tmp_path / "x.7z")
    assert findings.result.encrypted
    assert findings.children == []


def test_without_tools(analyse, monkeypatch):
    """Where no tool is installed, their formats are nothing for us, and the reason is given."""
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NothingForMe, match="7z or bsdtar"):
        analyse(archive, b"7z\xbc\xaf\x27\x1c" + bytes(100))


@pytest.mark.skipif(shutil.which("bsdtar") is None, reason="bsdtar is not installed")
def test_with_bsdtar_alone(analyse, tmp_path, monkeypatch):
    """libarchive's tool opens what it knows, bombs watched, where 7z is not installed."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "bsdtar").symlink_to(shutil.which("bsdtar"))
    (tmp_path / "a.txt").write_text("content")
    with (tmp_path / "zeros").open("wb") as file:
        file.truncate(300 << 20)
    for format_, name in (("7zip", "a.txt"), ("newc", "a.txt"), ("7zip", "zeros")):
        command = ["bsdtar", "-c", "--format", format_, "-f", f"{name}.{format_}", name]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    monkeypatch.setenv("PATH", str(tools))
    for format_ in ("7zip", "newc"):
        findings = analyse(archive, tmp_path / f"a.txt.{format_}")
        assert (children(findings), findings.result.format) == ({"a.txt": b"content"}, "bsdtar")
    assert "archive-bomb" in traits(analyse(archive, tmp_path / "zeros.7zip"))
