"""Samples on the wire (contract section 4)."""

from __future__ import annotations

from orchestrator.api.schemas.base import SampleInfo, Wire, millis
from orchestrator.api.schemas.classification import ClassificationResponse
from orchestrator.api.schemas.verdict import VerdictResponse
from orchestrator.services.samples import Described, Uploaded


class SampleMetaDataResponse(Wire):
    sha256: str
    sha512: str
    sha1: str
    md5: str
    size: int
    created_timestamp: int
    deleted_timestamp: int | None = None
    first_submitted_timestamp: int | None = None
    last_submitted_timestamp: int | None = None
    first_observed_timestamp: int | None = None
    last_observed_timestamp: int | None = None
    latest_classification: ClassificationResponse | None = None
    latest_verdict: VerdictResponse | None = None
    flags: list[str]

    @classmethod
    def of(cls, described: Described) -> SampleMetaDataResponse:
        row = described.sample
        classification, verdict = described.classification, described.verdict
        return cls(
            sha256=row.sha256,
            sha512=row.sha512,
            sha1=row.sha1,
            md5=row.md5,
            size=row.size,
            created_timestamp=millis(row.created_at) or 0,
            deleted_timestamp=millis(row.deleted_at),
            first_submitted_timestamp=millis(row.first_submitted_at),
            last_submitted_timestamp=millis(row.last_submitted_at),
            first_observed_timestamp=millis(row.first_observed_at),
            last_observed_timestamp=millis(row.last_observed_at),
            latest_classification=ClassificationResponse.of(classification) if classification else None,
            latest_verdict=VerdictResponse.of(verdict) if verdict else None,
            flags=["deleted"] if row.deleted_at else [],
        )


class SolvedChallenge(Wire):
    """A token that is solved already, to be used once in a submission."""

    id: str
    sha256: str


class UploadResponse(Wire):
    exists: bool
    sample: SampleInfo
    challenge: SolvedChallenge

    @classmethod
    def of(cls, uploaded: Uploaded) -> UploadResponse:
        return cls(
            exists=uploaded.exists,
            sample=SampleInfo(id=uploaded.sample.sha256, size=uploaded.sample.size),
            challenge=SolvedChallenge(id=str(uploaded.challenge.id), sha256=uploaded.challenge.answer),
        )
