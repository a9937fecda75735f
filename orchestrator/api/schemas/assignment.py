"""What a worker is told of a sample, on the wire; an extension of the contract."""

from __future__ import annotations

from orchestrator.api.schemas.base import Wire
from orchestrator.store.executing import Assignment


class SampleToRun(Wire):
    """What a worker is told of the sample. Type and super type are empty where it is not classified."""

    sha256: str
    sha512: str
    sha1: str
    md5: str
    size: int
    file_name: str
    type: str
    super_type: str
    options: dict[str, str]

    @classmethod
    def of(cls, assignment: Assignment) -> SampleToRun:
        return cls(**{name: getattr(assignment, name) for name in cls.model_fields})
