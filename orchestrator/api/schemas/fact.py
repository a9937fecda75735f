"""Static facts on the wire (contract section 7)."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from orchestrator.api.schemas.base import UserAgent, UserAgentRequest, UserInfo, Wire, millis, no_nul
from orchestrator.services.facts import NewFact
from orchestrator.store.tables import StaticFact


class StaticFactRequest(Wire):
    key: Annotated[str, Field(min_length=1, max_length=512), AfterValidator(no_nul)]
    value: Annotated[str, Field(max_length=65_536), AfterValidator(no_nul)]
    user_agent: UserAgentRequest

    def new(self) -> NewFact:
        return NewFact(
            key=self.key,
            value=self.value,
            user_agent_name=self.user_agent.name,
            user_agent_version=self.user_agent.version,
        )


class StaticFactResponse(Wire):
    id: str
    sample_sha256: str
    key: str
    value: str
    user_agent: UserAgent
    created_by_user: UserInfo
    created_timestamp: int | None

    @classmethod
    def of(cls, row: StaticFact) -> StaticFactResponse:
        return cls(
            id=str(row.id),
            sample_sha256=row.sample_sha256,
            key=row.key,
            value=row.value,
            user_agent=UserAgent(name=row.user_agent_name, version=row.user_agent_version),
            created_by_user=UserInfo.of(row.user),
            created_timestamp=millis(row.created_at),
        )
