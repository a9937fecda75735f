"""Service tasks on the wire (contract section 11)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field

from orchestrator.api.dependencies import SHA256, SHORT_NAME, Ids, Moment, Reference, as_list
from orchestrator.api.schemas.base import UserInfo, Whole, Wire, millis, no_nul
from orchestrator.domain.vocabulary import ServiceTaskState
from orchestrator.services.servicetasks import ServiceTaskView
from orchestrator.store.maintenance import ServiceTaskFilter
from orchestrator.store.reindexing import Window

TimeField = Literal["all", "createdTimestamp", "executionTimestamp", "finishedTimestamp"]
Text = Annotated[str, AfterValidator(no_nul)]
Texts = Annotated[list[Text], BeforeValidator(as_list)]
States = Annotated[list[ServiceTaskState], BeforeValidator(as_list)]
Users = Annotated[list[Annotated[Reference, AfterValidator(no_nul)]], BeforeValidator(as_list)]
Hashes = Annotated[
    list[Annotated[str, Field(pattern=SHA256), AfterValidator(str.lower)]],
    BeforeValidator(as_list),
    Field(min_length=1, max_length=10_000),
]
Workers = Annotated[
    list[Annotated[str, Field(pattern=SHORT_NAME)]], BeforeValidator(as_list), Field(min_length=1)
]


class ServiceTaskSearchRequest(Wire):
    """Criteria of different kinds AND together, values of one OR; null is as good as absent."""

    state: States | None = None
    operation: Texts | None = None
    user: Users | None = None
    parent_task: Ids | None = None
    root_task: Ids | None = None
    correlation_id: Annotated[Ids | None, Field(alias="correlationID")] = None
    worker_host: Texts | None = None
    start_timestamp: Moment | None = None
    end_timestamp: Moment | None = None
    time_field_strategy: Annotated[list[TimeField], BeforeValidator(as_list)] | None = None
    time_match_strategy: Literal["any", "all"] | None = None
    limit: Annotated[Whole, Field(ge=0)] | None = None
    offset: Annotated[Whole, Field(ge=0, le=2**31 - 1)] | None = None

    def to_filter(self, user_ids: list[int] | None) -> ServiceTaskFilter:
        return ServiceTaskFilter(
            states=self.state or (),
            operations=self.operation or (),
            user_ids=user_ids,
            parent_ids=self.parent_task or (),
            root_ids=self.root_task or (),
            correlation_ids=self.correlation_id or (),
            worker_hosts=self.worker_host or (),
            start=self.start_timestamp,
            end=self.end_timestamp,
            time_fields=self.time_field_strategy or ["all"],
            match_all_times=self.time_match_strategy == "all",
        )


class ReindexRequest(Wire):
    """``dataCenter`` is checked and then ignored: there is one."""

    data_center: Literal["all", "osl", "svg"]
    resource: Literal["all", "sample", "submission"]
    reversed: bool | None = None
    start_timestamp: Moment | None = None
    end_timestamp: Moment | None = None

    def to_window(self) -> Window:
        newest_first = True if self.reversed is None else self.reversed
        return Window(self.start_timestamp, self.end_timestamp, newest_first)


class ReanalyseRequest(Wire):
    """An extension of the contract. Samples by hash, or those made in a time; workers if not the policy's."""

    sha256: Hashes | None = None
    start_timestamp: Moment | None = None
    end_timestamp: Moment | None = None
    workers: Workers | None = None

    def to_window(self) -> Window:
        return Window(self.start_timestamp, self.end_timestamp, sha256=self.sha256)


class ServiceTaskInfo(Wire):
    id: str
    state: ServiceTaskState


class ServiceTaskMessage(Wire):
    message: str
    timestamp: int

    @classmethod
    def of(cls, said: dict[str, Any]) -> ServiceTaskMessage:
        return cls(message=said["message"], timestamp=millis(datetime.fromisoformat(said["at"])) or 0)


class ServiceTaskResponse(Wire):
    """Timestamps that are not yet are 0 here, not absent."""

    id: str
    correlation_id: str = Field(alias="correlationID")
    operation: str
    state: ServiceTaskState
    created_timestamp: int
    execution_timestamp: int
    finished_timestamp: int
    created_by_user: UserInfo | None
    flags: list[str]
    parent_task: ServiceTaskInfo | None
    root_task: ServiceTaskInfo | None
    worker_host: str | None
    response_context: dict[str, str]
    response_messages: list[ServiceTaskMessage]

    @classmethod
    def of(cls, view: ServiceTaskView) -> ServiceTaskResponse:
        row = view.row
        return cls(
            id=str(row.id),
            correlation_id=str(row.correlation_id),
            operation=row.operation,
            state=row.state,
            created_timestamp=millis(row.created_at) or 0,
            execution_timestamp=millis(row.execution_at) or 0,
            finished_timestamp=millis(row.finished_at) or 0,
            created_by_user=UserInfo.maybe(row.created_by),
            flags=row.flags,
            parent_task=_info(view, row.parent_id),
            root_task=_info(view, row.root_id),
            worker_host=row.worker_host,
            response_context=row.response_context,
            response_messages=[ServiceTaskMessage.of(each) for each in row.response_messages],
        )


def _info(view: ServiceTaskView, key: UUID | None) -> ServiceTaskInfo | None:
    if key is None or key not in view.states:
        return None
    return ServiceTaskInfo(id=str(key), state=view.states[key])
