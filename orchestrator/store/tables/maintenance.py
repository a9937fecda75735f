"""The service's own work and the record of who asked for what."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from orchestrator.domain.ids import new_id
from orchestrator.domain.vocabulary import Role, ServiceTaskState
from orchestrator.store.tables.access import Subject
from orchestrator.store.tables.base import Base, Counter, Json, values

_OPEN = text("state IN ('pending', 'running', 'waitingForSubtasks')")


class ServiceTask(Base):
    """A maintenance run of the service itself (contract section 11); carried out by Celery."""

    __tablename__ = "service_task"
    __table_args__ = (
        Index("ix_service_task_open", "created_at", postgresql_where=_OPEN, sqlite_where=_OPEN),
        Index("ix_service_task_created_at", "created_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    correlation_id: Mapped[UUID] = mapped_column(index=True)
    operation: Mapped[str] = mapped_column(String(64))
    state: Mapped[ServiceTaskState] = mapped_column(values(ServiceTaskState))
    arguments: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    created_at: Mapped[datetime]
    execution_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    published_at: Mapped[datetime | None]
    #: When whoever carries it out was last heard; None while nobody does.
    seen_at: Mapped[datetime | None]
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("subject.id"))
    parent_id: Mapped[UUID | None] = mapped_column(index=True)
    root_id: Mapped[UUID | None] = mapped_column(index=True)
    flags: Mapped[list[str]] = mapped_column(Json, default=list)
    worker_host: Mapped[str | None]
    response_context: Mapped[dict[str, str]] = mapped_column(Json, default=dict)
    response_messages: Mapped[list[Any]] = mapped_column(Json, default=list)
    #: How often in a row it was begun and lost; a step that is done begins anew.
    attempt: Mapped[int] = mapped_column(default=0)
    #: How far the operation has come, in its own words; empty at the start.
    cursor: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)

    created_by: Mapped[Subject | None] = relationship(lazy="joined")


class AuditEntry(Base):
    """Who did what to which object, and with what success. Never holds what was sent, nor a key."""

    __tablename__ = "audit_entry"
    __table_args__ = (Index("ix_audit_entry_user_at", "user", "at"),)

    id: Mapped[int] = mapped_column(Counter, primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    #: A user's short name; of whoever runs the service: ``cli:`` and the name on the machine.
    user: Mapped[str]
    #: The method and the route as the API names it, or the words of a command.
    action: Mapped[str]
    #: The path that was called, or what the command was about.
    object: Mapped[str]
    detail: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    role: Mapped[Role | None] = mapped_column(values(Role))
    key_id: Mapped[UUID | None]
    #: HTTP's; None for a command, which is recorded only where it succeeds.
    status: Mapped[int | None]
    request_id: Mapped[str | None] = mapped_column(String(64))
