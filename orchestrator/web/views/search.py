"""One box that takes a hash, a file name, a tag or a keyword, and filters that an address can carry."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from orchestrator.domain.clock import now
from orchestrator.domain.criteria import (
    ClassificationClause,
    Match,
    Period,
    SampleCriteria,
    SampleTime,
    VerdictClause,
)
from orchestrator.domain.paging import MAX_SEARCH, Page, SortKey
from orchestrator.domain.vocabulary import Role, Tlp
from orchestrator.services import search
from orchestrator.services.overview import MALICIOUS, SUSPICIOUS
from orchestrator.web.rendering import page
from orchestrator.web.security import App, VisitorDep

router = APIRouter()

_PAGE = 25
_HASHES = {32: "md5", 40: "sha1", 64: "sha256", 128: "sha512"}
_VERDICTS = {
    "malicious": (MALICIOUS, None),
    "suspicious": (SUSPICIOUS, MALICIOUS - 1),
    "low": (0, SUSPICIOUS - 1),
    "nothing": (None, -1),
}
_SINCE = {
    "1h": timedelta(hours=1),
    "24h": timedelta(days=1),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}
_NEWEST = (SortKey("sampleCreatedTimestamp", descending=True),)


@router.get("/search")
def find(
    request: Request,
    visitor: VisitorDep,
    app: App,
    q: Annotated[str, Query(max_length=512)] = "",
    type: Annotated[str, Query(max_length=128)] = "",  # noqa: A002 - the name in the address
    verdict: Literal["", "malicious", "suspicious", "low", "nothing"] = "",
    tlp: Literal["", "amber", "green", "clear"] = "",
    since: Literal["", "1h", "24h", "7d", "30d"] = "",
    offset: Annotated[int, Query(ge=0, le=MAX_SEARCH - _PAGE)] = 0,
) -> Response:
    visitor.caller.need(Role.viewer)
    criteria = SampleCriteria(
        **_words(q),  # type: ignore[arg-type]
        tlp=(Tlp(tlp),) if tlp else (),
        classification=_types(type),
        verdict=_verdict(verdict),
        start_timestamp=now() - _SINCE[since] if since else None,
        time_field_strategy=(SampleTime.last_submitted,) if since else (),
    )
    wanted = Page(_PAGE, offset, _NEWEST, MAX_SEARCH)
    with app.begin(write=False) as uow:
        found = search.search_samples(uow, visitor.caller, criteria, Period(), wanted)
    filters = {"q": q, "type": type, "verdict": verdict, "tlp": tlp, "since": since}
    return page(
        request,
        visitor,
        "search.html",
        found=found,
        filters=filters,
        query=q,
        verdicts=list(_VERDICTS),
        sinces=list(_SINCE),
    )


def _words(text: str) -> dict[str, object]:
    """A single hash is looked up as what it is; all words of anything else must be found."""
    words = text.replace("\0", " ").split()
    if len(words) == 1 and re.fullmatch("[0-9a-fA-F]+", words[0]) and len(words[0]) in _HASHES:
        return {_HASHES[len(words[0])]: (words[0].lower(),)}
    return {"keywords": tuple(words[:20]), "keyword_match_strategy": Match.all}


def _types(text: str) -> tuple[ClassificationClause, ...]:
    """A type, or a super type."""
    name = text.replace("\0", "").strip()
    if not name:
        return ()
    return (ClassificationClause(type=(name,)), ClassificationClause(super_type=(name,)))


def _verdict(name: str) -> tuple[VerdictClause, ...]:
    if not name:
        return ()
    least, most = _VERDICTS[name]
    return (VerdictClause(minimum_score=least, maximum_score=most),)
