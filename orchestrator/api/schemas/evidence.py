"""Evidence on the wire (contract section 6)."""

from __future__ import annotations

from orchestrator.api.schemas.base import UserInfo, Wire, millis
from orchestrator.store.tables import Evidence


class EvidenceResponse(Wire):
    """A file that an analysis produced; ``checksum`` is the SHA-256 of its bytes."""

    id: str
    file_name: str
    mime_type: str
    size: int
    checksum: str
    flags: list[str]
    created_by_user: UserInfo
    created_timestamp: int | None

    @classmethod
    def of(cls, row: Evidence) -> EvidenceResponse:
        flags = {"internal": row.internal, "potentiallyMalicious": row.potentially_malicious}
        return cls(
            id=str(row.id),
            file_name=row.file_name,
            mime_type=row.mime_type,
            size=row.size,
            checksum=row.checksum,
            flags=[name for name, given in flags.items() if given],
            created_by_user=UserInfo.of(row.user),
            created_timestamp=millis(row.created_at),
        )
