"""Who wants to be told of events over HTTP, and what became of telling."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from orchestrator.domain.ids import new_id
from orchestrator.domain.vocabulary import Role
from orchestrator.store.tables.access import Subject
from orchestrator.store.tables.base import Base, Json, values

_PENDING = text("state = 'pending'")


class DeliveryState(StrEnum):
    """Where a delivery is."""

    pending = "pending"
    delivered = "delivered"
    #: Given up.
    failed = "failed"


class Webhook(Base):
    """A subscription: its user's rights, as far as the key went that made it, say what it is told."""

    __tablename__ = "webhook"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[int] = mapped_column(ForeignKey("subject.id"), index=True)
    #: The role of the key that made it.
    role: Mapped[Role] = mapped_column(values(Role))
    url: Mapped[str]
    events: Mapped[list[str]] = mapped_column(Json)
    #: What its deliveries are signed with.
    secret: Mapped[str]
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]
    #: Since when no delivery was taken; None: the last one was.
    failing_since: Mapped[datetime | None]
    #: Why the service itself switched it off.
    disabled_reason: Mapped[str | None]

    user: Mapped[Subject] = relationship(lazy="joined", innerjoin=True)


class WebhookDelivery(Base):
    """One event on its way to one subscription."""

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        UniqueConstraint("webhook_id", "event_id"),
        Index("ix_webhook_delivery_webhook_id_created_at", "webhook_id", "created_at"),
        Index(
            "ix_webhook_delivery_due_at_pending",
            "due_at",
            postgresql_where=_PENDING,
            sqlite_where=_PENDING,
        ),
        Index("ix_webhook_delivery_created_at", "created_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    webhook_id: Mapped[UUID] = mapped_column(ForeignKey("webhook.id"))
    event_id: Mapped[str] = mapped_column(String(64))
    event: Mapped[str] = mapped_column(String(64))
    #: What is sent, byte for byte.
    body: Mapped[str]
    state: Mapped[DeliveryState] = mapped_column(values(DeliveryState))
    attempts: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]
    tried_at: Mapped[datetime | None]
    #: What the last attempt was answered, or why it was not.
    status: Mapped[int | None]
    error: Mapped[str | None]
    took_ms: Mapped[int | None]


class WebhookCursor(Base):
    """Up to which event deliveries were made; one row."""

    __tablename__ = "webhook_cursor"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    position: Mapped[int] = mapped_column(BigInteger)
