"""Classifications on the wire (contract section 7)."""

from __future__ import annotations

from orchestrator.api.schemas.base import Wire
from orchestrator.store.tables import SampleClassification


class ClassificationResponse(Wire):
    """What kind of file the sample is; ``version`` is the classifier's."""

    type: str
    super_type: str
    arch: str
    platform: str
    version: str
    meta_data: dict[str, str]

    @classmethod
    def of(cls, row: SampleClassification) -> ClassificationResponse:
        return cls(
            type=row.type,
            super_type=row.super_type,
            arch=row.arch,
            platform=row.platform,
            version=row.version,
            meta_data=row.meta_data,
        )

    @classmethod
    def maybe(cls, row: SampleClassification | None) -> ClassificationResponse | None:
        return None if row is None else cls.of(row)
