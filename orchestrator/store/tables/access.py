"""Customers, users and groups, their keys, and what is shared with whom."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from orchestrator.domain.ids import new_id
from orchestrator.domain.vocabulary import Role, SubjectKind
from orchestrator.store.tables.base import Base, Counter, values


class Customer(Base):
    __tablename__ = "customer"

    id: Mapped[int] = mapped_column(Counter, primary_key=True)
    short_name: Mapped[str] = mapped_column(String(128), unique=True)
    name: Mapped[str]
    created_at: Mapped[datetime]


class Subject(Base):
    """A user or a group of users, of one customer."""

    __tablename__ = "subject"

    id: Mapped[int] = mapped_column(Counter, primary_key=True)
    kind: Mapped[SubjectKind] = mapped_column(values(SubjectKind))
    short_name: Mapped[str] = mapped_column(String(128), unique=True)
    name: Mapped[str]
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    created_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]

    customer: Mapped[Customer] = relationship(lazy="joined", innerjoin=True)


class GroupMember(Base):
    __tablename__ = "group_member"

    group_id: Mapped[int] = mapped_column(ForeignKey("subject.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("subject.id"), primary_key=True, index=True)


class ApiKey(Base):
    """A key, kept as the SHA-256 digest of its text alone."""

    __tablename__ = "api_key"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(128))
    role: Mapped[Role] = mapped_column(values(Role))
    user_id: Mapped[int] = mapped_column(ForeignKey("subject.id"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]

    user: Mapped[Subject] = relationship(lazy="joined", innerjoin=True)


class WebSession(Base):
    """Somebody is signed in to the pages; kept as the digest of the cookie, good while its key is."""

    __tablename__ = "web_session"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    key_digest: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class AccessGrant(Base):
    """A submission, analysis or link that is shared with a user or group beyond its customer."""

    __tablename__ = "access_grant"
    __table_args__ = (
        UniqueConstraint("object_id", "subject_id"),
        Index("ix_access_grant_subject_id_object_id", "subject_id", "object_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    object_id: Mapped[UUID]
    subject_id: Mapped[int] = mapped_column(ForeignKey("subject.id"))
    granted_by_id: Mapped[int] = mapped_column(ForeignKey("subject.id"))
    granted_at: Mapped[datetime]

    subject: Mapped[Subject] = relationship(foreign_keys=[subject_id], lazy="joined", innerjoin=True)
    granted_by: Mapped[Subject] = relationship(foreign_keys=[granted_by_id], lazy="joined", innerjoin=True)
