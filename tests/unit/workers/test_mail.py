import random
from email.message import EmailMessage

import pytest

from workers.mail import mail


def message(sender: str = "Ann <ann@corp.example.com>", html: str = "", **headers: str) -> EmailMessage:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = (
        sender,
        "bob@corp.example.com",
        headers.pop("Subject", "Hello"),
    )
    for name, value in headers.items():
        made[name.replace("_", "-")] = value
    made.set_content("See http://www.example.com/a for more.\n")
    if html:
        made.add_alternative(html, subtype="html")
    return made


def attach(made: EmailMessage, name: str, content: bytes = b"content") -> EmailMessage:
    made.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return made


def traits(findings):
    return {trait.name for trait in findings.result.traits}


def test_an_ordinary_message(analyse):
    """Headers, body and links are read; nothing about it is a score."""
    findings = analyse(mail, bytes(message(Reply_To="ann@mail.example.com", Message_ID="<1@x>")))
    result = findings.result
    assert result.sender == "Ann <ann@corp.example.com>"
    assert (result.recipients, result.subject, result.message_id) == (
        ["bob@corp.example.com"],
        "Hello",
        "<1@x>",
    )
    assert "hxxp://www[.]example[.]com/a" in [each.value for each in result.indicators]
    assert (findings.score, traits(findings)) == (-1, set())


def test_attachments_become_children(analyse):
    """Attachments are handed on under their own names, decoded, and a message within the message as one."""
    made = attach(attach(message(), "report.docx", b"PK\x03\x04"), "../../übel.bin", b"\0\1\2")
    made.add_attachment(message(Subject="Inner"))
    findings = analyse(mail, bytes(made))
    found = {child.name: child.path.read_bytes() for child in findings.children}
    assert found["report.docx"] == b"PK\x03\x04"
    assert found["übel.bin"] == b"\0\1\2"
    (inner,) = (content for name, content in found.items() if name.endswith("rfc822"))
    assert b"Subject: Inner" in inner
    assert findings.score == -1


@pytest.mark.parametrize(
    ("name", "trait"),
    [
        ("invoice.pdf.exe", "attachment-double-extension"),
        ("setup.iso", "attachment-program"),
        ("order.js", "attachment-program"),
        ("login.html", "attachment-web-page"),
    ],
)
def test_attachments_that_run(analyse, name, trait):
    """Names of programs and of web pages add up."""
    findings = analyse(mail, bytes(attach(message(), name)))
    assert traits(findings) == {trait}
    assert findings.score >= 20


def test_a_locked_archive_with_its_password(analyse):
    """An archive whose password stands in the text is meant to pass scanners."""
    made = EmailMessage()
    made["From"] = "a@example.com"
    made.set_content("The file is protected. Password: 7788\n")
    assert traits(analyse(mail, bytes(attach(made, "a.zip")))) == {"archive-with-password-in-text"}


@pytest.mark.parametrize(
    ("sender", "headers", "trait"),
    [
        ('"boss@corp.example.com" <x@evil.example.net>', {}, "sender-shows-another-address"),
        ("a@corp.com", {"Reply_To": "a@evil.net"}, "answers-go-elsewhere"),
        ("a@corp.com", {"Authentication_Results": "mx; spf=fail smtp.mailfrom=x; dkim=pass"}, "spf-failed"),
    ],
)
def test_senders_that_lie(analyse, sender, headers, trait):
    """A sender that is not the one shown is noticed."""
    assert traits(analyse(mail, bytes(message(sender, **headers)))) == {trait}


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ('<a href="http://evil.example.net/x">www.bank.com</a>', {"link-shows-another-address"}),
        ('<a href="https://login.bank.com/x">www.bank.com</a>', set()),
        ('<a href="https://login.bank.com/x">click here</a>', set()),
        ("<form action=x><input type='password'></form>", {"form-in-body"}),
    ],
)
def test_links_that_lie(analyse, html, expected):
    """A link that shows one site and leads to another is noticed; others are not."""
    assert traits(analyse(mail, bytes(message(html=html)))) == expected


def test_a_mailbox(analyse):
    """The messages of a mailbox become children."""
    stamp = b"From ann@x Tue Nov 24 12:00:00 2026\n"
    content = b"".join(stamp + bytes(message(Subject=f"Number {n}")) + b"\n" for n in range(3))
    findings = analyse(mail, content)
    assert findings.result.messages == 3
    assert [child.name for child in findings.children] == ["message0.eml", "message1.eml", "message2.eml"]
    assert b"Subject: Number 2" in findings.children[2].path.read_bytes()


def test_encoded_words_and_wrong_charsets(analyse):
    """Headers are decoded, whatever charset they claim."""
    content = (
        b"From: =?utf-8?b?w5xiZWw=?= <a@x.example>\nSubject: =?no-such-charset?q?x?= =?utf-8?q?=00=1b?=\n"
        b"Content-Type: text/plain; charset=nonsense\n\nbody \xff\xfe\n"
    )
    result = analyse(mail, content).result
    assert result.sender.startswith("Übel")
    assert "body" in result.body


def test_nesting_without_end(analyse):
    """A thousand multiparts in each other are refused in words, or read as far as they go."""
    head = "".join(f'Content-Type: multipart/mixed; boundary="b{n}"\n\n--b{n}\n' for n in range(3000))
    try:
        analyse(mail, f"From: a@b\n{head}Content-Type: text/plain\n\nx\n".encode())
    except ValueError as error:
        assert "nested" in str(error)  # noqa: PT017 - both ways out are right


def test_many_parts(analyse):
    """Of a message with a thousand attachments, a hundred are taken."""
    made = message()
    for number in range(1000):
        attach(made, f"{number}.bin")
    assert len(analyse(mail, bytes(made)).children) == 100


def test_broken_messages(analyse):
    """However broken, a message is read; what has no headers is none."""
    content, noise = bytes(attach(message(html="<b>x</b>"), "a.bin")), random.Random(9)
    for _ in range(80):
        copy = bytearray(content[: noise.randrange(60, len(content))])
        for _ in range(20):
            copy[noise.randrange(30, len(copy))] = noise.randrange(256)
        analyse(mail, bytes(copy))
    for garbage in (b"", b"x", bytes(1000)):
        with pytest.raises(ValueError, match="headers"):
            analyse(mail, garbage)
