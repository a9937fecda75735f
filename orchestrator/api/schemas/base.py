"""What the wire's models share, and the value objects of contract section 1.8."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from orchestrator.api.dependencies import FREE_TEXT, SHORT_NAME
from orchestrator.domain.vocabulary import Tlp
from orchestrator.store.tables import AccessGrant, Customer, Subject

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def millis(moment: datetime | None) -> int | None:
    """Epoch milliseconds, the wire's spelling of a moment."""
    return None if moment is None else (moment - _EPOCH) // timedelta(milliseconds=1)


class Wire(BaseModel):
    """A model of the wire. Unknown properties are ignored, so that older clients' fields pass."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="ignore", protected_namespaces=()
    )

    @model_validator(mode="before")
    @classmethod
    def _absent(cls, given: Any) -> Any:
        """Null is as good as absent, where a field may be absent: clients with optional fields send it."""
        if not isinstance(given, dict) or None not in given.values():
            return given
        needed = cls._needed()
        return {name: value for name, value in given.items() if value is not None or name in needed}

    @classmethod
    @cache
    def _needed(cls) -> frozenset[str]:
        """The names, on the wire and here, of the fields that must be given."""
        required = [(name, each.alias) for name, each in cls.model_fields.items() if each.is_required()]
        return frozenset(spelling for names in required for spelling in names if spelling)


def no_nul(value: str) -> str:
    """PostgreSQL keeps no NUL in text."""
    if "\x00" in value:
        raise ValueError("must not contain NUL")
    return value


class DomainInfo(Wire):
    id: int = 1
    name: str = "assay"


class CustomerInfo(Wire):
    id: int
    name: str
    short_name: str
    domain: DomainInfo = DomainInfo()

    @classmethod
    def of(cls, row: Customer) -> CustomerInfo:
        return cls(id=row.id, name=row.name, short_name=row.short_name)


class UserInfo(Wire):
    """A user or group: the contract's UserInfo and SubjectInfo are alike."""

    id: int
    name: str
    short_name: str
    type: str = "user"
    flags: list[str] = []
    customer: CustomerInfo
    domain: DomainInfo = DomainInfo()

    @classmethod
    def of(cls, row: Subject) -> UserInfo:
        return cls(
            id=row.id,
            name=row.name,
            short_name=row.short_name,
            type=row.kind,
            flags=["deleted"] if row.deleted_at else [],
            customer=CustomerInfo.of(row.customer),
        )

    @classmethod
    def maybe(cls, row: Subject | None) -> UserInfo | None:
        return None if row is None else cls.of(row)


class AccessControl(Wire):
    subject: UserInfo
    granted_by_user: UserInfo
    granted_timestamp: int

    @classmethod
    def of(cls, grants: Iterable[AccessGrant]) -> list[AccessControl]:
        return [
            cls(
                subject=UserInfo.of(grant.subject),
                granted_by_user=UserInfo.of(grant.granted_by),
                granted_timestamp=millis(grant.granted_at) or 0,
            )
            for grant in grants
        ]


class UserAgent(Wire):
    """Which program acted."""

    name: str
    version: str


class UserAgentRequest(Wire):
    name: Annotated[str, Field(pattern=SHORT_NAME, max_length=512)]
    version: Annotated[str, Field(pattern=FREE_TEXT, max_length=512)]


class SampleInfo(Wire):
    id: str
    size: int


class JobInfo(Wire):
    id: str
    state: str


class AnalysisInfo(Wire):
    id: str
    analysis_score: int
    user_agent: UserAgent


class Correlation(Wire):
    """How to find the service task that an answer announced."""

    correlation_id: str = Field(alias="correlationID")


def _tlp(value: Any) -> Any:
    return Tlp.clear if value == "white" else value


#: A JSON number without a fraction; ``true`` is none.
Whole = Annotated[int, Field(strict=True)]

#: A TLP label; ``white`` of older clients is ``clear``.
TlpRequest = Annotated[Tlp, BeforeValidator(_tlp)]
