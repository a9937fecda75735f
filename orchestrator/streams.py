"""Raw bodies in, raw bytes out: never whole in memory."""

from __future__ import annotations

import re
import tempfile
from collections.abc import AsyncIterator, Iterator
from typing import IO

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from orchestrator.errors import Invalid
from orchestrator.store.blobs import CHUNK
from orchestrator.store.spool import Spool


async def receive(request: Request, spool: Spool, limit: int) -> None:
    """Write the request's body to the spool; :class:`Invalid` as soon as it is over ``limit`` bytes."""
    pending = bytearray()
    async for chunk in request.stream():
        pending += chunk
        if spool.size + len(pending) > limit:
            raise Invalid("body", f"the body is larger than {limit} bytes", "body.too.large")
        if len(pending) >= CHUNK:
            await run_in_threadpool(spool.write, bytes(pending))
            pending.clear()
    if pending:
        await run_in_threadpool(spool.write, bytes(pending))


def attachment(
    chunks: Iterator[bytes], name: str, media_type: str = "application/octet-stream", size: int | None = None
) -> StreamingResponse:
    """Bytes to be saved, never shown: a browser must not take a sample for a page of ours."""
    safe = re.sub(r"[^A-Za-z0-9._-]", "_", name)
    headers = {
        "Content-Disposition": f'attachment; filename="{safe or "download"}"',
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
    }
    if size is not None:
        headers["Content-Length"] = str(size)
    return StreamingResponse(_threaded(chunks), media_type=media_type, headers=headers)


async def _threaded(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    while chunk := await run_in_threadpool(next, chunks, b""):
        yield chunk


def file_chunks(file: IO[bytes]) -> Iterator[bytes]:
    """A file in chunks, closed at the end."""
    with file:
        while chunk := file.read(CHUNK):
            yield chunk


def scratch_file() -> IO[bytes]:
    """A file that is gone when it is closed."""
    return tempfile.TemporaryFile()
