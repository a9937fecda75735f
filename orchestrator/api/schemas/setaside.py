"""Messages that were set aside, on the wire."""

from __future__ import annotations

from typing import Any

from orchestrator.api.schemas.base import Wire, millis
from orchestrator.store.tables import SetAside

#: How much of a body is shown, in bytes.
_SHOWN = 1024


class SetAsideResponse(Wire):
    """A message; ``body`` is its beginning, with escapes for what is no text."""

    id: str
    queue: str
    reason: str
    content_type: str
    headers: dict[str, Any]
    body: str
    size: int
    received_timestamp: int | None
    replayed_timestamp: int | None

    @classmethod
    def of(cls, row: SetAside) -> SetAsideResponse:
        return cls(
            id=str(row.id),
            queue=row.queue,
            reason=row.reason,
            content_type=row.content_type,
            headers=dict(row.headers),
            body=row.body[:_SHOWN].decode("utf-8", "backslashreplace"),
            size=len(row.body),
            received_timestamp=millis(row.received_at),
            replayed_timestamp=millis(row.replayed_at),
        )
