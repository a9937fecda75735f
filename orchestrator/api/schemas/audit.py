"""Entries of the audit log, on the wire."""

from __future__ import annotations

from typing import Any

from orchestrator.api.schemas.base import Wire, millis
from orchestrator.store.tables import AuditEntry


class AuditEntryResponse(Wire):
    """Who did what; ``status`` is the call's, null for a command on the store itself."""

    id: int
    timestamp: int | None
    user: str
    role: str | None
    key_id: str | None
    action: str
    object: str
    status: int | None
    request_id: str | None
    detail: dict[str, Any]

    @classmethod
    def of(cls, row: AuditEntry) -> AuditEntryResponse:
        return cls(
            id=row.id,
            timestamp=millis(row.at),
            user=row.user,
            role=row.role and row.role.value,
            key_id=str(row.key_id) if row.key_id else None,
            action=row.action,
            object=row.object,
            status=row.status,
            request_id=row.request_id,
            detail=dict(row.detail),
        )
