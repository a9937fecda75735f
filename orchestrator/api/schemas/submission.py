"""Submissions on the wire (contract section 5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field

from orchestrator.api.dependencies import SHA256, Moment, Reference, References, as_list
from orchestrator.api.schemas.base import (
    AccessControl,
    CustomerInfo,
    TlpRequest,
    UserAgent,
    UserAgentRequest,
    Wire,
    millis,
    no_nul,
)
from orchestrator.domain.vocabulary import Tlp
from orchestrator.services.submissions import NewSubmission
from orchestrator.store.tables import AccessGrant, Submission

Text = Annotated[str, AfterValidator(no_nul), Field(max_length=4096)]


class ChallengeToken(Wire):
    """A token: the challenge's id, and the answer in hex."""

    id: UUID
    sha256: Annotated[str, Field(pattern=SHA256)]


class SubmissionAddRequest(Wire):
    challenge_token: ChallengeToken
    file_name: Annotated[str, AfterValidator(no_nul), Field(min_length=1, max_length=4096)]
    user_agent: UserAgentRequest
    customer: Reference | None = None
    observed_timestamp: Moment | None = None
    mime_type: Text = "application/octet-stream"
    meta_data: Annotated[dict[Text, Text], Field(max_length=256)] = {}
    tlp: TlpRequest = Tlp.amber
    acl: Annotated[list[Reference], BeforeValidator(as_list)] = []
    retention: Moment | None = None
    #: Instead of the policy's selection; an extension.
    workers: References | None = None
    #: False: run every worker, whatever was found lately; an extension.
    reuse: bool = True

    def to_domain(self) -> NewSubmission:
        return NewSubmission(
            challenge_id=self.challenge_token.id,
            answer=self.challenge_token.sha256,
            file_name=self.file_name,
            user_agent_name=self.user_agent.name,
            user_agent_version=self.user_agent.version,
            customer=self.customer,
            observed_at=self.observed_timestamp,
            mime_type=self.mime_type,
            meta_data=self.meta_data,
            tlp=self.tlp,
            acl=self.acl,
            expiry_at=self.retention,
            workers=self.workers,
            reuse=self.reuse,
        )


class SubmissionResponse(Wire):
    id: str
    sample_sha256: str
    file_name: str
    mime_type: str
    meta_data: dict[str, str]
    tlp: Tlp
    user_agent: UserAgent
    customer: CustomerInfo
    acl: list[AccessControl]
    observed_timestamp: int
    submitted_timestamp: int
    expiry_timestamp: int | None = None
    flags: list[str]

    @classmethod
    def of(cls, row: Submission, grants: Sequence[AccessGrant] = ()) -> SubmissionResponse:
        return cls(
            id=str(row.id),
            sample_sha256=row.sample_sha256,
            file_name=row.file_name,
            mime_type=row.mime_type,
            meta_data=row.meta_data,
            tlp=row.tlp,
            user_agent=UserAgent(name=row.user_agent_name, version=row.user_agent_version),
            customer=CustomerInfo.of(row.customer),
            acl=AccessControl.of(grants),
            observed_timestamp=millis(row.observed_at) or 0,
            submitted_timestamp=millis(row.submitted_at) or 0,
            expiry_timestamp=millis(row.expiry_at),
            flags=row.flags,
        )


class RateLimited(Wire):
    """Accepted, but not stored: a similar submission was seen recently (status 220)."""

    sample_sha256: str


class ChallengeResponse(Wire):
    id: str
    offset: int
    length: int
