"""Mail: who says to have sent it, what it carries, where it wants its reader to go."""

from __future__ import annotations

import email
import email.header
import email.policy
import email.utils
import html
import re
from collections.abc import Iterator
from contextlib import suppress
from email.message import Message
from itertools import islice
from typing import NamedTuple
from urllib.parse import urlsplit

from pydantic import BaseModel

from orchestrator.worker import Child, Findings, Limits, Sample, analysis_worker
from workers._indicators import Indicator, find_indicators
from workers._names import DOUBLE_EXTENSION, PROGRAM, base_name
from workers._text import Text, clean, clip
from workers._traits import Trait, detections, score

_READ_LIMIT = 64 << 20
_PART_LIMIT, _CHILD_LIMIT, _HEADER_LIMIT, _HOP_LIMIT = 500, 100, 200, 50
_BODY_LIMIT = 1 << 20
_LIMIT = 90

_LOCKED = re.compile(r"\bpass(word|wort|code)\b[^\n]{0,30}[:=]?\s*\S{3,30}", re.IGNORECASE)
_ANCHOR = re.compile(
    r"<a\b[^>]{0,2000}?\bhref\s*=\s*[\"']?(https?://[^\s\"'>]{4,2000})[^>]{0,2000}>(.{0,500}?)</a>",
    re.IGNORECASE | re.DOTALL,
)
_SHOWN_HOST = re.compile(r"\b((?:[a-z0-9-]{1,63}\.){1,5}[a-z]{2,18})\b", re.IGNORECASE)
_FORM = re.compile(r"<form\b|<input\b[^>]{0,500}type\s*=\s*[\"']?password", re.IGNORECASE)
_TAGS = re.compile(r"<[^>]{0,5000}>")
_RESULT = re.compile(r"\b(spf|dkim|dmarc)\s*=\s*(\w+)", re.IGNORECASE)


class Attachment(BaseModel):
    name: Text
    type: Text
    size: int


class Mail(BaseModel):
    """``hops`` are the Received headers, the sender's end last; ``authentication`` the receiver's view."""

    sender: Text
    reply_to: Text
    recipients: list[Text]
    subject: Text
    date: Text
    message_id: Text
    mailer: Text
    hops: list[Text]
    authentication: dict[str, Text]
    headers: dict[str, Text]
    body: Text
    attachments: list[Attachment]
    indicators: list[Indicator]
    messages: int
    traits: list[Trait]


class _Part(NamedTuple):
    name: str
    type: str
    content: bytes


@analysis_worker(
    "mail", version="1.0", accepts={"eml", "mbox"}, result=Mail, limits=Limits(seconds=90, cpu_seconds=90)
)
def mail(sample: Sample) -> Findings:
    """Headers, route, body, links and attachments of a message; a mailbox's messages as children.

    The score adds up what a message needs only to deceive: a sender that is not who it shows, links that
    lead elsewhere than they say, programs attached, a locked archive with its password in the text; to 90
    at most. An ordinary message, attachments or not, has no score: the attachments are judged as children.
    """
    with sample.path.open("rb") as file:
        content = file.read(_READ_LIMIT)
    messages = _split(content)
    if len(messages) > 1:
        return _mailbox(sample, messages)
    try:
        message = email.message_from_bytes(messages[0], policy=email.policy.compat32)
    except RecursionError:
        raise ValueError("the parts are nested too deep to read") from None
    if not message.keys():
        raise ValueError("there are no headers: this is no message")
    bodies, attached = _parts(message)
    result = _result(message, bodies, attached)
    result.traits = list(_traits(result, bodies))
    return Findings(
        score=score(result.traits, _LIMIT),
        result=result,
        detections=detections(result.traits),
        children=[_child(sample, number, each.name, each.content) for number, each in enumerate(attached)],
    )


def _split(content: bytes) -> list[bytes]:
    """The messages of a mailbox; a single message is a list of one."""
    if not content.startswith(b"From "):
        return [content]
    parts = re.split(rb"(?:\A|\r?\n\r?\n)From [^\r\n]*\d{4}[^\r\n]*\r?\n", content)
    return clip((part for part in parts if part.strip()), _CHILD_LIMIT) or [content]


def _mailbox(sample: Sample, messages: list[bytes]) -> Findings:
    children = [_child(sample, number, f"message{number}.eml", each) for number, each in enumerate(messages)]
    result = _result(Message(), [], [])
    result.messages = len(messages)
    return Findings(result=result, children=children)


def _child(sample: Sample, number: int, name: str, content: bytes) -> Child:
    path = sample.scratch / f"child{number}"
    path.write_bytes(content)
    return Child(path, base_name(name))


def _parts(message: Message) -> tuple[list[tuple[str, str]], list[_Part]]:
    """The bodies as (type, text), and what is attached."""
    bodies: list[tuple[str, str]] = []
    attached: list[_Part] = []
    for part in islice(_leaves(message), _PART_LIMIT):
        name, type_ = _name(part), part.get_content_type()
        content = _nested(part) if type_ == "message/rfc822" else _decoded(part)
        inline = not name and "attachment" not in _header(part, "Content-Disposition")
        if part.get_content_maintype() == "text" and inline:
            bodies.append((type_, _text(part, content)))
        elif content and len(attached) < _CHILD_LIMIT:
            name = name or f"part{len(attached)}.{type_.rpartition('/')[2]}"
            attached.append(_Part(name, type_, content))
    return bodies, attached


def _nested(part: Message) -> bytes:
    """The message within the message, written out again."""
    inner = part.get_payload()
    with suppress(
        ValueError, LookupError, TypeError, AttributeError
    ):  # what it was made of may not be writable
        return b"".join(each.as_bytes() for each in inner if isinstance(each, Message))
    return b""


def _leaves(message: Message) -> Iterator[Message]:
    """The parts that hold content; a message within the message is one of them, and not opened here."""
    waiting = [message]
    while waiting:
        part = waiting.pop()
        inner = part.get_payload()
        if part.get_content_maintype() == "multipart" and isinstance(inner, list):
            waiting.extend(reversed([each for each in inner if isinstance(each, Message)]))
        else:
            yield part


def _decoded(part: Message) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _text(part: Message, content: bytes) -> str:
    charset = part.get_content_charset("utf-8")
    try:
        return content.decode(charset, "replace")
    except (LookupError, ValueError):
        return content.decode("latin-1")


def _name(part: Message) -> str:
    with suppress(ValueError, LookupError, TypeError):
        return _unfold(part.get_filename() or "")
    return "unreadable-name"


def _header(message: Message, name: str) -> str:
    return _unfold(message.get(name, ""))


def _unfold(value: object) -> str:
    """A header's text: encoded words decoded, line breaks removed, whatever bytes it is made of."""
    try:
        pieces = email.header.decode_header(str(value))
        return str(email.header.make_header(pieces)).replace("\r", "").replace("\n", "")
    except (ValueError, LookupError, email.errors.MessageError):
        return str(value)


def _result(message: Message, bodies: list[tuple[str, str]], attached: list[_Part]) -> Mail:
    plain = "\n".join(text if type_ != "text/html" else _shown(text) for type_, text in bodies)
    sources = "\n".join(html.unescape(text) for _, text in bodies)[:_BODY_LIMIT]
    recipients = email.utils.getaddresses([_header(message, name) for name in ("To", "Cc", "Bcc")])
    results = " ".join(_unfold(value) for value in message.get_all("Authentication-Results", []))
    return Mail(
        sender=_header(message, "From"),
        reply_to=_header(message, "Reply-To"),
        recipients=clip((address for _, address in recipients if address), _HEADER_LIMIT),
        subject=_header(message, "Subject"),
        date=_header(message, "Date"),
        message_id=_header(message, "Message-ID"),
        mailer=_header(message, "X-Mailer") or _header(message, "User-Agent"),
        hops=clip((_unfold(value) for value in message.get_all("Received", [])), _HOP_LIMIT),
        authentication={kind.lower(): outcome.lower() for kind, outcome in _RESULT.findall(results)},
        headers={clean(key, 100): _unfold(value) for key, value in clip(message.items(), _HEADER_LIMIT)},
        body=plain,
        attachments=[Attachment(name=each.name, type=each.type, size=len(each.content)) for each in attached],
        indicators=find_indicators(sources),
        messages=1,
        traits=[],
    )


def _shown(source: str) -> str:
    return " ".join(html.unescape(_TAGS.sub(" ", source[:_BODY_LIMIT])).split())


def _traits(result: Mail, bodies: list[tuple[str, str]]) -> Iterator[Trait]:
    yield from _sender_traits(result)
    for attachment in result.attachments:
        if DOUBLE_EXTENSION.search(attachment.name):
            yield Trait(name="attachment-double-extension", weight=50, detail=attachment.name)
        elif PROGRAM.search(attachment.name):
            yield Trait(name="attachment-program", weight=40, detail=attachment.name)
        elif attachment.name.lower().endswith((".html", ".htm", ".shtml", ".svg")):
            yield Trait(name="attachment-web-page", weight=20, detail=attachment.name)
        elif attachment.name.lower().endswith((".zip", ".rar", ".7z")) and _LOCKED.search(result.body):
            yield Trait(name="archive-with-password-in-text", weight=30, detail=attachment.name)
    for type_, text in bodies:
        if type_ == "text/html":
            yield from _link_traits(text[:_BODY_LIMIT])


def _sender_traits(result: Mail) -> Iterator[Trait]:
    (name, address), (_, answers) = (
        email.utils.parseaddr(result.sender),
        email.utils.parseaddr(result.reply_to),
    )
    shown = re.search(r"[\w.+-]{1,64}@([\w-]{1,63}\.[\w.-]{2,200})", name)
    if shown and not _same_site(shown[1], _domain(address)):
        yield Trait(name="sender-shows-another-address", weight=30, detail=result.sender)
    if answers and not _same_site(_domain(answers), _domain(address)):
        yield Trait(name="answers-go-elsewhere", weight=10, detail=f"{address} → {answers}")
    for kind, outcome in result.authentication.items():
        if outcome in {"fail", "softfail"}:
            yield Trait(name=f"{kind}-failed", weight=15, detail=outcome)


def _link_traits(source: str) -> Iterator[Trait]:
    for match in islice(_ANCHOR.finditer(source), _HEADER_LIMIT):
        shown = _SHOWN_HOST.search(_shown(match[2]))
        if shown and "." in shown[1] and not _same_site(shown[1], _host(match[1])):
            detail = f"{shown[1]} → {_host(match[1])}"
            yield Trait(name="link-shows-another-address", weight=30, detail=detail)
    if _FORM.search(source):
        yield Trait(name="form-in-body", weight=20, detail="asks for input in the message itself")


def _host(link: str) -> str:
    with suppress(ValueError):
        return urlsplit(link).hostname or ""
    return ""


def _domain(address: str) -> str:
    return address.rpartition("@")[2]


def _same_site(first: str, second: str) -> bool:
    """Whether two hosts share their last two labels: near enough to tell a deception."""
    return first.lower().split(".")[-2:] == second.lower().split(".")[-2:]
