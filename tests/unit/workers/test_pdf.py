import random
import zlib

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name, String

from workers.pdf import pdf


@pytest.fixture
def document(tmp_path):
    """Make a PDF of one page, changed by a function."""

    def make(change=lambda _: None, **saving) -> bytes:
        made = pikepdf.new()
        made.add_blank_page()
        change(made)
        made.save(tmp_path / "made.pdf", **saving)
        return (tmp_path / "made.pdf").read_bytes()

    return make


def traits(findings):
    return {trait.name for trait in findings.result.traits}


def with_script(code: str):
    def change(made):
        made.Root.OpenAction = Dictionary(S=Name.JavaScript, JS=String(code))

    return change


def test_a_plain_document(analyse, document):
    """A document that does nothing has pages, a version and no score."""
    findings = analyse(pdf, document())
    assert (findings.score, findings.result.pages, findings.result.damage) == (-1, 1, "")
    assert findings.detections == []


def test_javascript_at_opening(analyse, document):
    """A script that runs at opening is quoted, kept as evidence and scored; its indicators are defanged."""
    findings = analyse(pdf, document(with_script("app.launchURL('http://evil.example.com/x')")))
    assert {"action-javascript", "runs-at-opening"} <= traits(findings)
    assert findings.score == 40
    assert "launchURL" in findings.result.scripts[0]
    assert "launchURL" in findings.evidence[0].path.read_text()
    assert "hxxp://evil[.]example[.]com/x" in [each.value for each in findings.result.indicators]


def test_javascript_in_compressed_object_streams(analyse, document):
    """Where the raw bytes show no name at all, the script is found still."""
    content = document(
        with_script("eval(unescape('%41'))"), object_stream_mode=pikepdf.ObjectStreamMode.generate
    )
    assert b"JavaScript" not in content
    assert {"action-javascript", "script-hides-code"} <= traits(analyse(pdf, content))


def test_launching_a_program(analyse, document):
    """An action that starts a program weighs most."""

    def change(made):
        made.Root.OpenAction = Dictionary(S=Name.Launch, F=String("cmd.exe"))

    findings = analyse(pdf, document(change))
    (action,) = findings.result.actions
    assert (action.kind, action.detail) == ("Launch", "cmd.exe")
    assert findings.score == 60


def test_an_exploited_function(analyse, document):
    """A call that only exploits make is malicious enough on its own."""
    findings = analyse(pdf, document(with_script("Collab.getIcon(x)")))
    assert "script-calls-exploited-function" in traits(findings)
    assert findings.score >= 80


def test_embedded_files_become_children(analyse, document):
    """An attachment is handed on with its name; a program among them counts."""

    def change(made):
        for name, content in (("note.txt", b"hello"), ("tool.exe", b"MZ123")):
            made.attachments[name] = pikepdf.AttachedFileSpec(made, content, filename=name)

    findings = analyse(pdf, document(change))
    found = {child.name: child.path.read_bytes() for child in findings.children}
    assert found == {"note.txt": b"hello", "tool.exe": b"MZ123"}
    assert traits(findings) == {"embedded-program"}


def test_links_are_listed_defanged_and_not_scored(analyse, document):
    """A link in a page is an indicator, no offence."""

    def change(made):
        link = Dictionary(S=Name.URI, URI=String("https://www.example.com/a"))
        made.pages[0].Annots = Array([Dictionary(Type=Name.Annot, Subtype=Name.Link, A=link)])

    findings = analyse(pdf, document(change))
    assert [each.value for each in findings.result.indicators] == ["hxxps://www[.]example[.]com/a"]
    assert findings.score == -1


def test_encrypted_documents(analyse, document):
    """Without the password only the fact is known; a document that opens without one is read."""
    shut = document(encryption=pikepdf.Encryption(owner="o", user="u"))
    findings = analyse(pdf, shut)
    assert (findings.result.encrypted, findings.result.pages) == (True, 0)
    opened = document(with_script("x"), encryption=pikepdf.Encryption(owner="o", user=""))
    assert "action-javascript" in traits(analyse(pdf, opened))


def test_names_written_in_numbers(analyse):
    """A document too broken to open is judged by its raw names, and #4a is J."""
    content = b"%PDF-1.4\n1 0 obj <</OpenAction <</S /#4aavaScript /#4a#53 (x)>> >>"
    findings = analyse(pdf, content)
    assert findings.result.damage
    assert findings.result.keywords["/JavaScript"] == 1
    assert {"action-javascript", "runs-at-opening"} <= traits(findings)


def test_a_stream_bomb_is_not_unpacked(analyse, document):
    """A script that unpacks to 200 MiB is left packed."""

    def change(made):
        bomb = made.make_stream(zlib.compress(zlib.compress(bytes(200 << 20), 9), 9))
        bomb.Filter = Array([Name.FlateDecode, Name.FlateDecode])
        made.Root.OpenAction = Dictionary(S=Name.JavaScript, JS=bomb)

    findings = analyse(pdf, document(change, stream_decode_level=pikepdf.StreamDecodeLevel.none))
    assert findings.result.scripts == [""]


def test_a_document_that_refers_to_itself(analyse, document):
    """Cycles and deep nesting end."""

    def change(made):
        made.Root.Loop = made.make_indirect(Dictionary(A=1))
        made.Root.Loop.Self = made.Root.Loop
        nested = Array([])
        for _ in range(300):
            nested = Array([nested])
        made.Root.Deep = nested

    assert analyse(pdf, document(change)).score == -1


def test_cut_and_flipped_documents(analyse, document):
    """However broken, a document is read or its damage named."""
    content, noise = document(with_script("app.alert(1)")), random.Random(2)
    for _ in range(80):
        copy = bytearray(content[: noise.randrange(1, len(content))])
        for _ in range(10):
            copy[noise.randrange(len(copy))] = noise.randrange(256)
        analyse(pdf, bytes(copy))
    for garbage in (b"", b"x", b"%PDF-1.4"):
        assert analyse(pdf, garbage).result.damage
