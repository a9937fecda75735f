"""What workers found, the files they produced, and the verdicts drawn from it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from orchestrator.domain.ids import new_id
from orchestrator.domain.vocabulary import StatusOverride, Tlp
from orchestrator.store.tables.access import Customer, Subject
from orchestrator.store.tables.base import Base, Json, Searchable, coarse, documents, values
from orchestrator.store.tables.jobs import Job


class Analysis(Searchable, Base):
    """One worker's result over one sample. ``recorded_for`` makes a job task's own result unique."""

    __tablename__ = "analysis"
    __table_args__ = (
        Index("ix_analysis_sample_sha256_created_at", "sample_sha256", "created_at"),
        Index("ix_analysis_job_id", "job_id"),
        Index("ix_analysis_created_at", "created_at"),
        coarse("ix_analysis_tlp", "tlp"),
        coarse("ix_analysis_user_agent_name", "user_agent_name"),
        documents("ix_analysis_result_values", "result"),
        Index(
            "ix_analysis_sample_sha256_user_agent_name_created_at",
            "sample_sha256",
            "user_agent_name",
            "created_at",
        ),
    )
    searched = (
        ("user_agent_name", "user_agent_version"),
        "profile",
        "verdict_status_override",
        "tags",
        "detections",
        "result",
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    sample_sha256: Mapped[str] = mapped_column(ForeignKey("sample.sha256"))
    job_id: Mapped[UUID | None]
    #: The job task whose Celery worker made it; None for one that a client added.
    recorded_for: Mapped[UUID | None] = mapped_column(unique=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("subject.id"), index=True)
    user_agent_name: Mapped[str]
    user_agent_version: Mapped[str]
    score: Mapped[int]
    result: Mapped[Any] = mapped_column(Json, default=dict)
    tlp: Mapped[Tlp] = mapped_column(values(Tlp))
    profile: Mapped[str | None]
    possible_detections: Mapped[int | None]
    detections: Mapped[list[Any]] = mapped_column(Json, default=list)
    tags: Mapped[list[Any]] = mapped_column(Json, default=list)
    verdict_status_override: Mapped[StatusOverride | None] = mapped_column(values(StatusOverride))
    with_internet: Mapped[bool] = mapped_column(default=False)
    has_evidence: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]

    customer: Mapped[Customer] = relationship(lazy="raise")
    user: Mapped[Subject] = relationship(lazy="raise")
    job: Mapped[Job | None] = relationship(
        primaryjoin=lambda: foreign(Analysis.job_id) == Job.id, viewonly=True, lazy="raise"
    )


class Evidence(Base):
    """A file that an analysis produced; its bytes are in the blob store under ``checksum``."""

    __tablename__ = "evidence"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    analysis_id: Mapped[UUID] = mapped_column(ForeignKey("analysis.id"), index=True)
    file_name: Mapped[str]
    mime_type: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)
    checksum: Mapped[str] = mapped_column(String(64), index=True)
    internal: Mapped[bool] = mapped_column(default=False)
    potentially_malicious: Mapped[bool] = mapped_column(default=False)
    user_id: Mapped[int] = mapped_column(ForeignKey("subject.id"))
    created_at: Mapped[datetime]

    user: Mapped[Subject] = relationship(lazy="raise")


class Verdict(Searchable, Base):
    """A judgement over a sample: the engine's when a job ends, or a person's (contract section 8)."""

    __tablename__ = "verdict"
    __table_args__ = (
        Index("ix_verdict_sample_sha256_created_at", "sample_sha256", "created_at"),
        coarse("ix_verdict_score", "score"),
        documents("ix_verdict_tags_values", "tags"),
        Index(
            "ix_verdict_sample_sha256_contradicting",
            "sample_sha256",
            postgresql_where=text("contradicting"),
            sqlite_where=text("contradicting = 1"),
        ),
        Index(
            "ix_verdict_sample_sha256_manual",
            "sample_sha256",
            postgresql_where=text("manual"),
            sqlite_where=text("manual = 1"),
        ),
    )
    searched = ("status_override", "comment", "tags")

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    sample_sha256: Mapped[str] = mapped_column(ForeignKey("sample.sha256"))
    job_id: Mapped[UUID | None] = mapped_column(index=True)
    score: Mapped[int]
    status_override: Mapped[StatusOverride | None] = mapped_column(values(StatusOverride))
    comment: Mapped[str | None]
    manual: Mapped[bool] = mapped_column(default=False)
    contradicting: Mapped[bool] = mapped_column(default=False)
    triggered_detections: Mapped[int] = mapped_column(default=0)
    tags: Mapped[list[Any]] = mapped_column(Json, default=list)
    #: Each analysis used: id, score, impact, difference … as ``domain/verdict.py`` gives it.
    analyses: Mapped[list[Any]] = mapped_column(Json, default=list)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("subject.id"))
    created_at: Mapped[datetime]

    user: Mapped[Subject | None] = relationship(lazy="raise")
    job: Mapped[Job | None] = relationship(
        primaryjoin=lambda: foreign(Verdict.job_id) == Job.id, viewonly=True, lazy="joined"
    )
