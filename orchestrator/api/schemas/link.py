"""Links on the wire (contract section 7)."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from orchestrator.api.dependencies import SHA256, Reference, References
from orchestrator.api.schemas.base import (
    AccessControl,
    CustomerInfo,
    TlpRequest,
    UserAgent,
    UserAgentRequest,
    UserInfo,
    Wire,
    millis,
)
from orchestrator.api.schemas.sample import SampleMetaDataResponse
from orchestrator.domain.vocabulary import LinkType
from orchestrator.services.links import LinkSummary, LinkView, NewLink


class LinkRequest(Wire):
    reference: Annotated[str, Field(pattern=SHA256), AfterValidator(str.lower)]
    tlp: TlpRequest
    type: LinkType
    user_agent: UserAgentRequest
    acl: References | None = None
    customer: Reference | None = None

    def new(self) -> NewLink:
        return NewLink(
            reference=self.reference,
            type=self.type,
            tlp=self.tlp,
            user_agent_name=self.user_agent.name,
            user_agent_version=self.user_agent.version,
            customer=self.customer,
            acl=self.acl or (),
        )


class UnseenSample(Wire):
    """A sample that is not here, or that the caller may not see: its hash alone."""

    sha256: str
    flags: list[str] = []


class LinkResponse(Wire):
    id: str
    sample_sha256: str
    type: str
    referenced_sample: SampleMetaDataResponse | UnseenSample
    tlp: str
    customer: CustomerInfo
    user_agent: UserAgent
    acl: list[AccessControl]
    created_by_user: UserInfo
    created_timestamp: int | None
    flags: list[str]

    @classmethod
    def of(cls, view: LinkView) -> LinkResponse:
        row = view.link
        return cls(
            id=str(row.id),
            sample_sha256=row.sample_sha256,
            type=row.type,
            referenced_sample=(
                SampleMetaDataResponse.of(view.referenced)
                if view.referenced
                else UnseenSample(sha256=row.reference)
            ),
            tlp=row.tlp,
            customer=CustomerInfo.of(row.customer),
            user_agent=UserAgent(name=row.user_agent_name, version=row.user_agent_version),
            acl=AccessControl.of(view.grants),
            created_by_user=UserInfo.of(row.user),
            created_timestamp=millis(row.created_at),
            flags=["deadReference"] if view.dead else [],
        )


class LinkTypeSummary(Wire):
    type: str
    count: int


class LinkSummaryResponse(Wire):
    link_type_summary: list[LinkTypeSummary]
    flags: list[str]

    @classmethod
    def of(cls, summary: LinkSummary) -> LinkSummaryResponse:
        return cls(
            link_type_summary=[LinkTypeSummary(type=kind, count=count) for kind, count in summary.counts],
            flags=[] if summary.complete else ["incompleteTypeCount"],
        )
