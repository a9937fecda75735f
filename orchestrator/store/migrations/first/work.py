"""The first schema: jobs, job tasks and what workers found. Frozen."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from orchestrator.store.migrations.first.spelling import (
    BIG,
    BINARY,
    BOOLEAN,
    COUNTER,
    INTEGER,
    JSON,
    NAME,
    TEXT,
    UUID,
    coarse,
    documents,
    index,
)


def _job_task_event() -> None:
    op.create_table(
        "job_task_event",
        sa.Column("id", COUNTER, nullable=False),
        sa.Column("job_task_id", UUID, nullable=False),
        sa.Column("attempt", INTEGER, nullable=False),
        sa.Column("source", NAME, nullable=True),
        sa.Column("target", NAME, nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.Column("actor", NAME, nullable=False),
        sa.Column("by", TEXT, nullable=True),
        sa.Column("cause", sa.String(32), nullable=True),
        sa.Column("message", TEXT, nullable=True),
        sa.Column("host", TEXT, nullable=True),
        sa.Column("worker_version", TEXT, nullable=True),
        sa.Column("waited_ms", INTEGER, nullable=True),
        sa.Column("ran_ms", INTEGER, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_task_event")),
    )
    index("ix_job_task_event_job_task_id_id", "job_task_event", ["job_task_id", "id"])


def _set_aside() -> None:
    op.create_table(
        "set_aside",
        sa.Column("id", UUID, nullable=False),
        sa.Column("queue", TEXT, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("content_type", TEXT, nullable=False),
        sa.Column("headers", JSON, nullable=False),
        sa.Column("body", BINARY, nullable=False),
        sa.Column("received_at", BIG, nullable=False),
        sa.Column("replayed_at", BIG, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_set_aside")),
    )
    index("ix_set_aside_received_at", "set_aside", ["received_at"])


def _worker_process() -> None:
    op.create_table(
        "worker_process",
        sa.Column("id", UUID, nullable=False),
        sa.Column("host", TEXT, nullable=False),
        sa.Column("pid", INTEGER, nullable=False),
        sa.Column("version", TEXT, nullable=False),
        sa.Column("workers", JSON, nullable=False),
        sa.Column("holding", JSON, server_default="{}", nullable=False),
        sa.Column("started_at", BIG, nullable=False),
        sa.Column("seen_at", BIG, nullable=False),
        sa.Column("stopped_at", BIG, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_worker_process")),
    )
    index("ix_worker_process_seen_at", "worker_process", ["seen_at"])


def _job() -> None:
    op.create_table(
        "job",
        sa.Column("id", UUID, nullable=False),
        sa.Column("customer_id", COUNTER, nullable=False),
        sa.Column("sample_sha256", sa.String(64), nullable=False),
        sa.Column("submission_id", UUID, nullable=True),
        sa.Column("state", NAME, nullable=False),
        sa.Column("priority", INTEGER, nullable=False),
        sa.Column("options", JSON, nullable=False),
        sa.Column("depth", INTEGER, nullable=False),
        sa.Column("root_job_id", UUID, nullable=True),
        sa.Column("pending_workers", JSON, nullable=False),
        sa.Column("judged", BOOLEAN, nullable=False),
        sa.Column("enqueued_at", BIG, nullable=False),
        sa.Column("start_at", BIG, nullable=True),
        sa.Column("end_at", BIG, nullable=True),
        sa.Column("deadline_at", BIG, nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_job_customer_id_customer")),
        sa.ForeignKeyConstraint(
            ["sample_sha256"], ["sample.sha256"], name=op.f("fk_job_sample_sha256_sample")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
    )
    index("ix_job_customer_id_enqueued_at", "job", ["customer_id", "enqueued_at"])
    index("ix_job_deadline_at_open", "job", ["deadline_at"], where="state IN ('enqueued', 'executing')")
    index("ix_job_enqueued_at_id", "job", ["enqueued_at", "id"])
    index("ix_job_root_job_id", "job", ["root_job_id"])
    index("ix_job_sample_sha256", "job", ["sample_sha256"])
    index("ix_job_submission_id", "job", ["submission_id"])


def _analysis() -> None:
    op.create_table(
        "analysis",
        sa.Column("id", UUID, nullable=False),
        sa.Column("sample_sha256", sa.String(64), nullable=False),
        sa.Column("job_id", UUID, nullable=True),
        sa.Column("recorded_for", UUID, nullable=True),
        sa.Column("customer_id", COUNTER, nullable=False),
        sa.Column("user_id", COUNTER, nullable=False),
        sa.Column("user_agent_name", TEXT, nullable=False),
        sa.Column("user_agent_version", TEXT, nullable=False),
        sa.Column("score", INTEGER, nullable=False),
        sa.Column("result", JSON, nullable=False),
        sa.Column("tlp", NAME, nullable=False),
        sa.Column("profile", TEXT, nullable=True),
        sa.Column("possible_detections", INTEGER, nullable=True),
        sa.Column("detections", JSON, nullable=False),
        sa.Column("tags", JSON, nullable=False),
        sa.Column("verdict_status_override", NAME, nullable=True),
        sa.Column("with_internet", BOOLEAN, nullable=False),
        sa.Column("has_evidence", BOOLEAN, nullable=False),
        sa.Column("created_at", BIG, nullable=False),
        sa.Column("search", TEXT, server_default="", nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["subject.id"], name=op.f("fk_analysis_user_id_subject")),
        sa.UniqueConstraint("recorded_for", name=op.f("uq_analysis_recorded_for")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_analysis")),
        sa.ForeignKeyConstraint(
            ["sample_sha256"], ["sample.sha256"], name=op.f("fk_analysis_sample_sha256_sample")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_analysis_customer_id_customer")
        ),
    )
    index("ix_analysis_created_at", "analysis", ["created_at"])
    index("ix_analysis_job_id", "analysis", ["job_id"])
    documents("ix_analysis_result_values", "analysis", "result")
    index("ix_analysis_sample_sha256_created_at", "analysis", ["sample_sha256", "created_at"])
    index(
        "ix_analysis_sample_sha256_user_agent_name_created_at",
        "analysis",
        ["sample_sha256", "user_agent_name", "created_at"],
    )
    coarse("ix_analysis_tlp", "analysis", ["tlp"])
    coarse("ix_analysis_user_agent_name", "analysis", ["user_agent_name"])
    index("ix_analysis_user_id", "analysis", ["user_id"])


def _job_task() -> None:
    op.create_table(
        "job_task",
        sa.Column("id", UUID, nullable=False),
        sa.Column("job_id", UUID, nullable=False),
        sa.Column("worker", sa.String(128), nullable=False),
        sa.Column("state", NAME, nullable=False),
        sa.Column("message", TEXT, nullable=True),
        sa.Column("attempt", INTEGER, nullable=False),
        sa.Column("priority", INTEGER, nullable=False),
        sa.Column("celery", BOOLEAN, nullable=False),
        sa.Column("enqueued_at", BIG, nullable=False),
        sa.Column("due_at", BIG, nullable=False),
        sa.Column("published_at", BIG, nullable=True),
        sa.Column("start_at", BIG, nullable=True),
        sa.Column("end_at", BIG, nullable=True),
        sa.Column("deadline_at", BIG, nullable=False),
        sa.Column("process_id", UUID, nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_job_task_job_id_job")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_task")),
    )
    index(
        "ix_job_task_deadline_at_open",
        "job_task",
        ["deadline_at"],
        where="state IN ('enqueued', 'executing')",
    )
    index(
        "ix_job_task_due_at_unpublished",
        "job_task",
        ["due_at"],
        where="state = 'enqueued' AND published_at IS NULL",
    )
    index("ix_job_task_process_id_executing", "job_task", ["process_id"], where="state = 'executing'")
    index("ix_job_task_published_at_waiting", "job_task", ["published_at"], where="state = 'enqueued'")
    index(
        "ix_job_task_worker_open", "job_task", ["worker", "state"], where="state IN ('enqueued', 'executing')"
    )
    index("uq_job_task_job_id_worker", "job_task", ["job_id", "worker"], unique=True)


def _verdict() -> None:
    op.create_table(
        "verdict",
        sa.Column("id", UUID, nullable=False),
        sa.Column("sample_sha256", sa.String(64), nullable=False),
        sa.Column("job_id", UUID, nullable=True),
        sa.Column("score", INTEGER, nullable=False),
        sa.Column("status_override", NAME, nullable=True),
        sa.Column("comment", TEXT, nullable=True),
        sa.Column("manual", BOOLEAN, nullable=False),
        sa.Column("contradicting", BOOLEAN, nullable=False),
        sa.Column("triggered_detections", INTEGER, nullable=False),
        sa.Column("tags", JSON, nullable=False),
        sa.Column("analyses", JSON, nullable=False),
        sa.Column("user_id", COUNTER, nullable=True),
        sa.Column("created_at", BIG, nullable=False),
        sa.Column("search", TEXT, server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_verdict")),
        sa.ForeignKeyConstraint(["user_id"], ["subject.id"], name=op.f("fk_verdict_user_id_subject")),
        sa.ForeignKeyConstraint(
            ["sample_sha256"], ["sample.sha256"], name=op.f("fk_verdict_sample_sha256_sample")
        ),
    )
    index("ix_verdict_job_id", "verdict", ["job_id"])
    index(
        "ix_verdict_sample_sha256_contradicting",
        "verdict",
        ["sample_sha256"],
        where="contradicting",
        sqlite_where="contradicting = 1",
    )
    index("ix_verdict_sample_sha256_created_at", "verdict", ["sample_sha256", "created_at"])
    index(
        "ix_verdict_sample_sha256_manual",
        "verdict",
        ["sample_sha256"],
        where="manual",
        sqlite_where="manual = 1",
    )
    coarse("ix_verdict_score", "verdict", ["score"])
    documents("ix_verdict_tags_values", "verdict", "tags")


def _evidence() -> None:
    op.create_table(
        "evidence",
        sa.Column("id", UUID, nullable=False),
        sa.Column("analysis_id", UUID, nullable=False),
        sa.Column("file_name", TEXT, nullable=False),
        sa.Column("mime_type", TEXT, nullable=False),
        sa.Column("size", BIG, nullable=False),
        sa.Column("checksum", sa.String(64), nullable=False),
        sa.Column("internal", BOOLEAN, nullable=False),
        sa.Column("potentially_malicious", BOOLEAN, nullable=False),
        sa.Column("user_id", COUNTER, nullable=False),
        sa.Column("created_at", BIG, nullable=False),
        sa.ForeignKeyConstraint(
            ["analysis_id"], ["analysis.id"], name=op.f("fk_evidence_analysis_id_analysis")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["subject.id"], name=op.f("fk_evidence_user_id_subject")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence")),
    )
    index("ix_evidence_analysis_id", "evidence", ["analysis_id"])
    index("ix_evidence_checksum", "evidence", ["checksum"])


def _job_task_analysis() -> None:
    op.create_table(
        "job_task_analysis",
        sa.Column("job_task_id", UUID, nullable=False),
        sa.Column("analysis_id", UUID, nullable=False),
        sa.Column("position", INTEGER, nullable=False),
        sa.PrimaryKeyConstraint("job_task_id", "analysis_id", name=op.f("pk_job_task_analysis")),
        sa.ForeignKeyConstraint(
            ["job_task_id"], ["job_task.id"], name=op.f("fk_job_task_analysis_job_task_id_job_task")
        ),
        sa.ForeignKeyConstraint(
            ["analysis_id"], ["analysis.id"], name=op.f("fk_job_task_analysis_analysis_id_analysis")
        ),
    )
    index("ix_job_task_analysis_analysis_id", "job_task_analysis", ["analysis_id"])


def create() -> None:
    _job_task_event()
    _set_aside()
    _worker_process()
    _job()
    _analysis()
    _job_task()
    _verdict()
    _evidence()
    _job_task_analysis()
