"""The fast lane: the reads that are polled, past the framework, in one statement each.

It answers only what it can answer surely: a key that was good a moment ago, a plain path, an object of
the caller's own customer, default order. Everything else, errors included, takes the ordinary road, whose
answers are the same to the byte (``tests/integration/test_fast_lane.py`` compares them).
"""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

import orjson
from starlette.types import ASGIApp, Receive, Scope, Send

from orchestrator.api.envelope import enveloped
from orchestrator.api.security import Keys
from orchestrator.domain.caller import Caller
from orchestrator.domain.paging import DEFAULT_LIMIT
from orchestrator.domain.vocabulary import Role
from orchestrator.services.planning import is_unserved
from orchestrator.store.hot import HotReads, Row
from orchestrator.store.paging import COUNT_CEILING

_BASE = "/sampledb/v2/job"
_ID = "([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"
_JOB_TASK = re.compile(f"{_BASE}/{_ID}/task/{_ID}")
_JOB_TASKS = re.compile(f"{_BASE}/{_ID}/tasks")
_PAGE = re.compile(rb"(?:limit=([1-9]\d{0,2}))?&?(?:offset=(\d{1,4}))?")
_DOMAIN = {"id": 1, "name": "assay"}


class FastLane:
    """ASGI middleware in front of the application; it stands aside unless it is sure."""

    def __init__(self, app: ASGIApp, keys: Keys, reads: HotReads) -> None:
        self.app = app
        self._keys = keys
        self._reads = reads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "GET" and scope["path"].startswith(_BASE):
            body = await self._answer(scope)
            if body is not None:
                await _send(send, body)
                return
        await self.app(scope, receive, send)

    async def _answer(self, scope: Scope) -> bytes | None:
        path, query = scope["path"], scope["query_string"]
        page = _PAGE.fullmatch(query)
        if page is None or (caller := self._caller(scope)) is None:
            return None
        if path == _BASE:
            return await self._jobs(caller, int(page[1] or DEFAULT_LIMIT), int(page[2] or 0))
        if not query and (ids := _JOB_TASK.fullmatch(path)):
            row = await self._reads.job_task(UUID(ids[1]), UUID(ids[2]))
            return orjson.dumps(enveloped(job_task(row))) if row and _may_see(caller, row) else None
        if not query and (ids := _JOB_TASKS.fullmatch(path)):
            rows = await self._reads.job_tasks(UUID(ids[1]))
            if rows and _may_see(caller, rows[0]):
                return _paged([job_task(row) for row in rows], len(rows), DEFAULT_LIMIT, 0)
        return None

    async def _jobs(self, caller: Caller, limit: int, offset: int) -> bytes | None:
        rows = await self._reads.jobs(None if caller.sees_all else caller.customer_id, limit, offset)
        if not rows or (caller.shared_with and not caller.sees_all):
            return None
        count = rows[0][10] if rows[0][10] <= COUNT_CEILING else -1
        return _paged([job(row) for row in rows], count, limit, offset)

    def _caller(self, scope: Scope) -> Caller | None:
        for name, value in scope["headers"]:
            if name == b"argus-api-key":
                caller = self._keys.remembered(value.decode("latin-1").strip())
                return caller if caller and caller.has(Role.viewer) else None
        return None


def _may_see(caller: Caller, row: Row) -> bool:
    return caller.sees_all or bool(row[7] == caller.customer_id)


def job_task(row: Row) -> dict[str, Any]:
    """A job task as ``schemas/job.py`` shows it, from a row of ``store/hot.py``."""
    key, worker, state, message, enqueued, start, end, _, found = row
    analyses = [
        {
            "id": str(UUID(each[0])),
            "analysisScore": each[1],
            "userAgent": {"name": each[2], "version": each[3]},
        }
        for each in (orjson.loads(found) if isinstance(found, str) else found)
    ]
    shown = {
        "id": _id(key),
        "worker": worker,
        "state": state,
        "message": message,
        "flags": ["unserved"] if is_unserved(worker, state, message) else None,
        "enqueuedTimestamp": enqueued,
        "startTimestamp": start,
        "endTimestamp": end,
        "analyses": analyses,
        "analysis": analyses[0] if analyses else None,
    }
    return {name: value for name, value in shown.items() if value is not None}


def job(row: Row) -> dict[str, Any]:
    """A job as ``schemas/job.py`` shows it."""
    key, state, sha256, size, enqueued, start, end, customer_id, name, short_name, _ = row
    shown = {
        "id": _id(key),
        "customer": {"id": customer_id, "name": name, "shortName": short_name, "domain": _DOMAIN},
        "analysedSample": {"id": sha256, "size": size},
        "state": state,
        "enqueuedTimestamp": enqueued,
        "startTimestamp": start,
        "endTimestamp": end,
    }
    return {name: value for name, value in shown.items() if value is not None}


def _id(key: Any) -> str:
    return str(key) if isinstance(key, UUID) else str(UUID(key))


def _paged(data: list[dict[str, Any]], count: int, limit: int, offset: int) -> bytes:
    return orjson.dumps(enveloped(data, page=(limit, offset), count=count, size=len(data)))


async def _send(send: Send, body: bytes) -> None:
    headers = [(b"content-length", str(len(body)).encode()), (b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
