"""Templates: everything is escaped, nothing undefined passes, and no control character gets through."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from fastapi import Request
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

from orchestrator.domain.clock import now
from orchestrator.domain.vocabulary import JobState, JobTaskState, Role
from orchestrator.services.overview import MALICIOUS, SUSPICIOUS
from orchestrator.web.security import PREFIX, Visitor

_KEPT = "\n\t"
_SECOND, _MINUTE, _HOUR, _DAY = 1000, 60_000, 3_600_000, 86_400_000
_STEP = 1024


def visible(value: Any) -> Any:
    """Text in which what has no shape of its own, or turns the direction around, is spelled out.

    Else a file called "invoice<U+202E>fdp.exe" would be shown as "invoiceexe.pdf".
    """
    if not isinstance(value, str) or hasattr(value, "__html__") or (value.isascii() and value.isprintable()):
        return value
    return "".join(each if _is_plain(each) else f"\\u{ord(each):04x}" for each in value)


def _is_plain(character: str) -> bool:
    return character in _KEPT or unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


def size(value: int) -> str:
    """Bytes, as people say them."""
    amount = float(value)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < _STEP or unit == "GB":
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= _STEP
    raise AssertionError


def duration(milliseconds: float | None) -> str:
    """A span of time in its two largest units."""
    if milliseconds is None:
        return "—"
    if milliseconds < _SECOND:
        return f"{milliseconds:.0f} ms"
    if milliseconds < _MINUTE:
        return f"{milliseconds / _SECOND:.1f} s"
    for unit, name, part, small in ((_HOUR, "min", _MINUTE, "s"), (_DAY, "h", _HOUR, "min")):
        if milliseconds < unit:
            whole, rest = divmod(int(milliseconds), part)
            return f"{whole} {name} {rest * 60 // part} {small}"
    return f"{milliseconds / _DAY:.0f} d"


def between(start: datetime | None, end: datetime | None) -> str:
    """How long it took, or takes until now."""
    if start is None:
        return "—"
    return duration(((end or now()) - start).total_seconds() * 1000)


def moment(value: datetime | None) -> str | Markup:
    """How long ago that was; the exact moment is its title."""
    if value is None:
        return "—"
    seconds = (now() - value).total_seconds()
    exact = f"{value:%Y-%m-%d %H:%M:%S} UTC"
    ago = "just now" if abs(seconds) < 1 else f"{duration(abs(seconds) * 1000)} ago"
    if seconds < 0:
        ago = f"in {duration(-seconds * 1000)}"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(value.isoformat(), exact, ago)


def level(score: int | None) -> str:
    """What a score means, in a word."""
    if score is None:
        return "open"
    if score < 0:
        return "nothing"
    return "malicious" if score >= MALICIOUS else "suspicious" if score >= SUSPICIOUS else "low"


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("orchestrator.web"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(size=size, duration=duration, moment=moment, level=level, visible=visible)
    environment.globals.update(
        ui=PREFIX, between=between, Role=Role, JobState=JobState, JobTaskState=JobTaskState
    )
    return environment


_ENVIRONMENT = _environment()


def fragment(name: str, **context: Any) -> str:
    """A part of a page."""
    return _ENVIRONMENT.get_template(name).render(**context)


def page(
    request: Request, visitor: Visitor | None, name: str, *, status: int = 200, **context: Any
) -> HTMLResponse:
    """A whole page for this visitor."""
    shown = {"visitor": visitor, "path": request.url.path, "query": "", **context}
    return HTMLResponse(fragment(name, **shown), status)


def chosen(values: Iterable[str]) -> str:
    """The one value of a form's field; empty where it is missing."""
    return next(iter(values), "").strip()
