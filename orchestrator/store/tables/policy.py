"""The registry of analysis workers, the default policy and its rules."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from orchestrator.domain.ids import new_id
from orchestrator.store.tables.access import Subject
from orchestrator.store.tables.base import Base, Json

#: Exactly one policy exists (contract section 10).
POLICY_ID = 1

_LIVE = text("deleted_at IS NULL")


class _Audited:
    """Who made, last changed and deleted a row, and when."""

    created_at: Mapped[datetime]
    updated_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("subject.id"))
    updated_by_id: Mapped[int | None] = mapped_column(ForeignKey("subject.id"))
    deleted_by_id: Mapped[int | None] = mapped_column(ForeignKey("subject.id"))


class RegisteredWorker(_Audited, Base):
    """An analysis worker that policy can name; its short name is free again once it is deleted."""

    __tablename__ = "analysis_worker"
    __table_args__ = (
        Index(
            "uq_analysis_worker_short_name_live",
            "short_name",
            unique=True,
            postgresql_where=_LIVE,
            sqlite_where=_LIVE,
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    short_name: Mapped[str] = mapped_column(String(128))
    localized_names: Mapped[dict[str, str]] = mapped_column(Json, default=dict)
    localized_descriptions: Mapped[dict[str, str]] = mapped_column(Json, default=dict)
    result_schema: Mapped[Any] = mapped_column(Json, nullable=True)
    #: What a Celery worker said of itself when it started; None for an external analyzer.
    version: Mapped[str | None]
    accepts: Mapped[list[str]] = mapped_column(Json, default=list)
    classifies: Mapped[bool] = mapped_column(default=False)
    #: Served by Celery workers of ours (True), or by an external analyzer over the API.
    celery: Mapped[bool] = mapped_column(default=False)
    seconds: Mapped[float | None]

    created_by: Mapped[Subject | None] = relationship(
        primaryjoin="RegisteredWorker.created_by_id == Subject.id", lazy="joined"
    )
    updated_by: Mapped[Subject | None] = relationship(
        primaryjoin="RegisteredWorker.updated_by_id == Subject.id", lazy="joined"
    )
    deleted_by: Mapped[Subject | None] = relationship(
        primaryjoin="RegisteredWorker.deleted_by_id == Subject.id", lazy="joined"
    )


class Policy(Base):
    """The default workers (by id, in order) and options of every job."""

    __tablename__ = "policy"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    #: Ids of registered workers; None: every live worker of ours, until an administrator decides.
    workers: Mapped[Any] = mapped_column(Json, nullable=True)
    options: Mapped[list[Any]] = mapped_column(Json, default=list)
    updated_at: Mapped[datetime | None]
    updated_by_id: Mapped[int | None] = mapped_column(ForeignKey("subject.id"))

    updated_by: Mapped[Subject | None] = relationship(lazy="joined")


class Rule(_Audited, Base):
    """What overrides the default policy where it matches (contract section 10)."""

    __tablename__ = "rule"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    name: Mapped[str]
    description: Mapped[str]
    match: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    action: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)

    created_by: Mapped[Subject | None] = relationship(
        primaryjoin="Rule.created_by_id == Subject.id", lazy="joined"
    )
    updated_by: Mapped[Subject | None] = relationship(
        primaryjoin="Rule.updated_by_id == Subject.id", lazy="joined"
    )
    deleted_by: Mapped[Subject | None] = relationship(
        primaryjoin="Rule.deleted_by_id == Subject.id", lazy="joined"
    )
