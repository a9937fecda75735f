"""The registry of analysis workers on the wire (contract section 9)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field

from orchestrator.api.dependencies import SHORT_NAME
from orchestrator.api.schemas.analysis import storable
from orchestrator.api.schemas.base import UserInfo, Wire, millis, no_nul
from orchestrator.services.workers import WorkerFields
from orchestrator.store.tables import RegisteredWorker, WorkerProcess

ShortName = Annotated[str, Field(pattern=SHORT_NAME, min_length=1, max_length=128)]
Text = Annotated[str, Field(min_length=1, max_length=65536), AfterValidator(no_nul)]


class Localized(Wire):
    """A text in the languages that the service speaks; English is the fallback."""

    model_config = ConfigDict(extra="forbid")

    english: Text
    norwegian: Text | None = None

    def known(self) -> dict[str, str]:
        """The languages that are given."""
        return self.model_dump(exclude_none=True)


class WorkerUpdateRequest(Wire):
    """What is absent, or null, stays as it is. ``schema`` is never shown again with the worker."""

    short_name: ShortName | None = None
    localized_names: Localized | None = None
    localized_descriptions: Localized | None = None
    result_schema: Annotated[Any, Field(alias="schema"), AfterValidator(storable)] = None

    def to_domain(self) -> WorkerFields:
        return WorkerFields(
            short_name=self.short_name,
            localized_names=self.localized_names.known() if self.localized_names else None,
            localized_descriptions=(
                self.localized_descriptions.known() if self.localized_descriptions else None
            ),
            schema=self.result_schema,
        )


class WorkerAddRequest(WorkerUpdateRequest):
    short_name: ShortName
    localized_names: Localized
    localized_descriptions: Localized


class WorkerInfo(Wire):
    """The compact form, in policy and rules."""

    id: str
    short_name: str
    localized_name: str

    @classmethod
    def of(cls, row: RegisteredWorker) -> WorkerInfo:
        return cls(
            id=str(row.id), short_name=row.short_name, localized_name=row.localized_names.get("english", "")
        )


class WorkerResponse(Wire):
    id: str
    short_name: str
    localized_name: str
    localized_names: dict[str, str]
    localized_description: str
    localized_descriptions: dict[str, str]
    created_by_user: UserInfo | None
    created_timestamp: int | None
    last_updated_by_user: UserInfo | None
    last_updated_timestamp: int | None
    deleted_by_user: UserInfo | None
    deleted_timestamp: int | None
    flags: list[str]

    @classmethod
    def of(cls, row: RegisteredWorker) -> WorkerResponse:
        return cls(
            id=str(row.id),
            short_name=row.short_name,
            localized_name=row.localized_names.get("english", ""),
            localized_names=row.localized_names,
            localized_description=row.localized_descriptions.get("english", ""),
            localized_descriptions=row.localized_descriptions,
            created_by_user=UserInfo.maybe(row.created_by),
            created_timestamp=millis(row.created_at),
            last_updated_by_user=UserInfo.maybe(row.updated_by),
            last_updated_timestamp=millis(row.updated_at),
            deleted_by_user=UserInfo.maybe(row.deleted_by),
            deleted_timestamp=millis(row.deleted_at),
            flags=["deleted"] if row.deleted_at else [],
        )


class ProcessInfo(Wire):
    """A Celery worker process that serves the worker now."""

    host: str
    pid: int
    version: str | None
    started_timestamp: int | None
    seen_timestamp: int | None


class Service(Wire):
    """Who serves a worker: Celery's processes, or an external analyzer; an extension of the contract."""

    celery: bool
    version: str | None
    accepts: list[str]
    alive: bool
    processes: list[ProcessInfo]

    @classmethod
    def of(cls, row: RegisteredWorker, processes: Iterable[WorkerProcess]) -> Service:
        infos = [
            ProcessInfo(
                host=each.host,
                pid=each.pid,
                version=each.workers.get(row.short_name),
                started_timestamp=millis(each.started_at),
                seen_timestamp=millis(each.seen_at),
            )
            for each in processes
        ]
        return cls(
            celery=row.celery, version=row.version, accepts=row.accepts, alive=bool(infos), processes=infos
        )

    def to_meta(self) -> dict[str, Any]:
        """The envelope's ``metaData``."""
        return self.model_dump(by_alias=True, exclude_none=True)
