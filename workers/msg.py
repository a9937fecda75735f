"""Outlook message: sender, route and attachments of a ``.msg`` file."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import olefile  # type: ignore[import-untyped]
from pydantic import BaseModel

from orchestrator.worker import Child, Findings, Sample, analysis_worker
from workers._indicators import Indicator, find_indicators
from workers._names import DOUBLE_EXTENSION, PROGRAM, base_name
from workers._text import Text, clean
from workers._traits import Trait, detections, score

_STREAM_LIMIT = 32 << 20
_TEXT_LIMIT = 1 << 20
_ATTACHMENT_LIMIT = 100

#: Property identifiers of [MS-OXPROPS].
_SUBJECT, _SENDER_NAME, _SENDER, _SENDER_SMTP, _TO = "0037", "0C1A", "0C1F", "5D01", "0E04"
_HEADERS, _BODY, _HTML = "007D", "1000", "1013"
_LONG_NAME, _SHORT_NAME, _CONTENT = "3707", "3704", "3701"


class Attachment(BaseModel):
    name: Text
    size: int


class OutlookMessage(BaseModel):
    """``headers`` are those of the transport, empty for a message that was never sent."""

    sender: Text
    sender_name: Text
    recipients: Text
    subject: Text
    headers: Text
    body: Text
    attachments: list[Attachment]
    indicators: list[Indicator]
    traits: list[Trait]


@analysis_worker("msg", version="1.0", accepts={"msg"}, result=OutlookMessage, preload=("olefile",))
def msg(sample: Sample) -> Findings:
    """Sender, recipients, body, links and attachments of an Outlook message.

    The score is that of attachments that run: 40 for a program, 50 for one whose name shows another kind
    of file. Other messages have no score; the attachments are judged as children.
    """
    try:
        with olefile.OleFileIO(sample.path) as document:
            result, attached = _message(document), list(islice(_attached(document), _ATTACHMENT_LIMIT))
    except OSError as error:
        raise ValueError(f"the message is broken: {clean(error, 200)}") from error
    result.attachments = [Attachment(name=name, size=len(content)) for name, content in attached]
    result.traits = list(_traits(result))
    return Findings(
        score=score(result.traits),
        result=result,
        detections=detections(result.traits),
        children=[_child(sample, number, *each) for number, each in enumerate(attached)],
    )


def _message(document: Any) -> OutlookMessage:
    body = _text(document, [], _BODY)
    page = _bytes(document, [f"__substg1.0_{_HTML}0102"])[:_TEXT_LIMIT].decode("utf-8", "replace")
    headers = _text(document, [], _HEADERS)
    return OutlookMessage(
        sender=_text(document, [], _SENDER_SMTP) or _text(document, [], _SENDER),
        sender_name=_text(document, [], _SENDER_NAME),
        recipients=_text(document, [], _TO),
        subject=_text(document, [], _SUBJECT),
        headers=headers,
        body=body,
        attachments=[],
        indicators=find_indicators(f"{headers}\n{body}\n{page}"),
        traits=[],
    )


def _attached(document: Any) -> Iterator[tuple[str, bytes]]:
    """Name and content of each attachment; an attached message has storages instead, and is left out."""
    for place in document.listdir(streams=False, storages=True):
        if len(place) == 1 and place[0].startswith("__attach_version1.0_"):
            name = _text(document, place, _LONG_NAME) or _text(document, place, _SHORT_NAME)
            content = _bytes(document, [*place, f"__substg1.0_{_CONTENT}0102"])
            if content:
                yield name or place[0], content


def _text(document: Any, place: list[str], property_: str) -> str:
    """A property's text, wide (type 001F) or narrow (001E)."""
    wide = _bytes(document, [*place, f"__substg1.0_{property_}001F"])
    if wide:
        return wide[:_TEXT_LIMIT].decode("utf-16-le", "replace")
    return _bytes(document, [*place, f"__substg1.0_{property_}001E"])[:_TEXT_LIMIT].decode("latin-1")


def _bytes(document: Any, place: list[str]) -> bytes:
    return bytes(document.openstream(place).read(_STREAM_LIMIT)) if document.exists(place) else b""


def _traits(result: OutlookMessage) -> Iterator[Trait]:
    for attachment in result.attachments:
        if DOUBLE_EXTENSION.search(attachment.name):
            yield Trait(name="attachment-double-extension", weight=50, detail=attachment.name)
        elif PROGRAM.search(attachment.name):
            yield Trait(name="attachment-program", weight=40, detail=attachment.name)


def _child(sample: Sample, number: int, name: str, content: bytes) -> Child:
    path = sample.scratch / f"child{number}"
    path.write_bytes(content)
    return Child(path, base_name(name))
