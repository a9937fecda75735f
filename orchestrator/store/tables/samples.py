"""Samples and what is known of their bytes; submissions and the challenges that lead to them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from orchestrator.domain.ids import new_id
from orchestrator.domain.vocabulary import LinkType, Tlp
from orchestrator.store.tables.access import Customer, Subject
from orchestrator.store.tables.base import Base, Json, Searchable, beginning, coarse, documents, values

Sha256 = String(64)

_LIVE = text("deleted_at IS NULL")

#: What a classification says of a file.
CLASSIFIED = ("type", "super_type", "arch", "platform", "version")


class SampleRow(Searchable, Base):
    """One content. After deletion the row stays, with ``deleted_at`` set (contract section 4)."""

    __tablename__ = "sample"
    __table_args__ = (
        # a search never shows a deleted sample, and counting needs no look at the rows themselves
        Index(
            "ix_sample_created_at_sha256", "created_at", "sha256", postgresql_where=_LIVE, sqlite_where=_LIVE
        ),
        Index("ix_sample_size_sha256", "size", "sha256", postgresql_where=_LIVE, sqlite_where=_LIVE),
        Index("ix_sample_md5", "md5"),
        Index("ix_sample_sha1", "sha1"),
        Index("ix_sample_sha512", "sha512"),
        # no column that changes is indexed, and pages keep room: an update touches no index then
        {"postgresql_with": {"fillfactor": 80}},
    )
    searched = ("sha256", "sha512", "sha1", "md5")

    sha256: Mapped[str] = mapped_column(Sha256, primary_key=True)
    sha512: Mapped[str] = mapped_column(String(128))
    sha1: Mapped[str] = mapped_column(String(40))
    md5: Mapped[str] = mapped_column(String(32))
    size: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]
    first_submitted_at: Mapped[datetime | None]
    last_submitted_at: Mapped[datetime | None]
    first_observed_at: Mapped[datetime | None]
    last_observed_at: Mapped[datetime | None]
    last_analysis_at: Mapped[datetime | None]
    last_link_at: Mapped[datetime | None]
    latest_classification_id: Mapped[UUID | None]
    latest_verdict_id: Mapped[UUID | None]


class Challenge(Base):
    """A question that only whoever holds the sample can answer; used once (contract section 5.1)."""

    __tablename__ = "challenge"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    sample_sha256: Mapped[str] = mapped_column(Sha256)
    user_id: Mapped[int] = mapped_column(ForeignKey("subject.id"))
    answer: Mapped[str] = mapped_column(String(64))
    offset: Mapped[int] = mapped_column(BigInteger)
    length: Mapped[int]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]


class Submission(Searchable, Base):
    """One observation of a sample, by one customer."""

    __tablename__ = "submission"
    __table_args__ = (
        Index("ix_submission_sample_sha256_customer_id", "sample_sha256", "customer_id"),
        Index("ix_submission_customer_id_submitted_at", "customer_id", "submitted_at"),
        # what a customer may see, without a look at the rows
        Index("ix_submission_customer_id_sample_sha256", "customer_id", "sample_sha256"),
        Index("ix_submission_submitted_at", "submitted_at"),
        Index("ix_submission_observed_at", "observed_at"),
        Index("ix_submission_expiry_at", "expiry_at"),
        # downwards, too, those without come last
        Index("ix_submission_expiry_at_down", text("expiry_at DESC NULLS LAST")).ddl_if(dialect="postgresql"),
        coarse("ix_submission_tlp", "tlp"),
        coarse("ix_submission_user_agent_name", "user_agent_name"),
        Index("ix_submission_file_name_beginning", beginning("file_name")),
        coarse("ix_submission_mime_type_beginning", beginning("mime_type")),
        documents("ix_submission_meta_data_values", "meta_data"),
    )
    searched = (
        "id",
        "sample_sha256",
        "tlp",
        ("user_agent_name", "user_agent_version"),
        "mime_type",
        "file_name",
        "meta_data",
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    sample_sha256: Mapped[str] = mapped_column(ForeignKey("sample.sha256"))
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("subject.id"), index=True)
    file_name: Mapped[str]
    mime_type: Mapped[str]
    meta_data: Mapped[dict[str, str]] = mapped_column(Json, default=dict)
    tlp: Mapped[Tlp] = mapped_column(values(Tlp))
    user_agent_name: Mapped[str]
    user_agent_version: Mapped[str]
    observed_at: Mapped[datetime]
    submitted_at: Mapped[datetime]
    expiry_at: Mapped[datetime | None]
    flags: Mapped[list[str]] = mapped_column(Json, default=list)

    customer: Mapped[Customer] = relationship(lazy="raise")
    user: Mapped[Subject] = relationship(lazy="raise")


class SampleLink(Searchable, Base):
    """A directed relation from a sample to another, which need not be stored here."""

    __tablename__ = "link"
    __table_args__ = (
        Index("ix_link_sample_sha256_created_at", "sample_sha256", "created_at"),
        Index("ix_link_reference", "reference"),
        Index("ix_link_created_at", "created_at"),
        coarse("ix_link_user_id", "user_id"),
        coarse("ix_link_type", "type"),
        coarse("ix_link_tlp", "tlp"),
        coarse("ix_link_user_agent_name", "user_agent_name"),
    )
    searched = ("type", "reference", "tlp", ("user_agent_name", "user_agent_version"))

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    sample_sha256: Mapped[str] = mapped_column(ForeignKey("sample.sha256"))
    reference: Mapped[str] = mapped_column(Sha256)
    type: Mapped[LinkType] = mapped_column(values(LinkType))
    tlp: Mapped[Tlp] = mapped_column(values(Tlp))
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("subject.id"))
    user_agent_name: Mapped[str]
    user_agent_version: Mapped[str]
    created_at: Mapped[datetime]

    customer: Mapped[Customer] = relationship(lazy="raise")
    user: Mapped[Subject] = relationship(lazy="raise")


class StaticFact(Searchable, Base):
    """Something that is true of the bytes, whoever looks."""

    __tablename__ = "static_fact"
    __table_args__ = (
        Index("ix_static_fact_sample_sha256_key", "sample_sha256", "key"),
        coarse("ix_static_fact_user_agent_name", "user_agent_name"),
        coarse("ix_static_fact_key_beginning", beginning("key")),
        Index("ix_static_fact_value_beginning", beginning("value")),
    )
    searched = ("key", ("user_agent_name", "user_agent_version"), "value")

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    sample_sha256: Mapped[str] = mapped_column(ForeignKey("sample.sha256"))
    key: Mapped[str]
    value: Mapped[str]
    user_id: Mapped[int] = mapped_column(ForeignKey("subject.id"))
    user_agent_name: Mapped[str]
    user_agent_version: Mapped[str]
    created_at: Mapped[datetime]

    user: Mapped[Subject] = relationship(lazy="raise")


class SampleClassification(Searchable, Base):
    """What kind of file a classifier, of this version, says the sample is."""

    __tablename__ = "classification"
    __table_args__ = (
        Index("ix_classification_sample_sha256_created_at", "sample_sha256", "created_at"),
        Index("ix_classification_created_at", "created_at"),
        *(coarse(f"ix_classification_{each}_beginning", beginning(each)) for each in CLASSIFIED),
        documents("ix_classification_meta_data_values", "meta_data"),
    )
    searched = ("type", "super_type", "arch", "platform", "version", "meta_data")

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    sample_sha256: Mapped[str] = mapped_column(ForeignKey("sample.sha256"))
    type: Mapped[str]
    super_type: Mapped[str]
    arch: Mapped[str]
    platform: Mapped[str]
    version: Mapped[str]
    meta_data: Mapped[dict[str, str]] = mapped_column(Json, default=dict)
    created_at: Mapped[datetime]
