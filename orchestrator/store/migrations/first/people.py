"""The first schema: who asks, the policy, and the service's own work. Frozen."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from orchestrator.store.migrations.first.spelling import (
    BIG,
    BOOLEAN,
    COUNTER,
    DOUBLE,
    INTEGER,
    JSON,
    NAME,
    TEXT,
    UUID,
    index,
)


def _audit_entry() -> None:
    op.create_table(
        "audit_entry",
        sa.Column("id", COUNTER, nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.Column("user", TEXT, nullable=False),
        sa.Column("action", TEXT, nullable=False),
        sa.Column("object", TEXT, nullable=False),
        sa.Column("detail", JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entry")),
    )
    index("ix_audit_entry_at", "audit_entry", ["at"])


def _customer() -> None:
    op.create_table(
        "customer",
        sa.Column("id", COUNTER, nullable=False),
        sa.Column("short_name", sa.String(128), nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("created_at", BIG, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer")),
        sa.UniqueConstraint("short_name", name=op.f("uq_customer_short_name")),
    )


def _web_session() -> None:
    op.create_table(
        "web_session",
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("key_digest", sa.String(64), nullable=False),
        sa.Column("created_at", BIG, nullable=False),
        sa.Column("expires_at", BIG, nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_web_session")),
    )
    index("ix_web_session_expires_at", "web_session", ["expires_at"])


def _subject() -> None:
    op.create_table(
        "subject",
        sa.Column("id", COUNTER, nullable=False),
        sa.Column("kind", NAME, nullable=False),
        sa.Column("short_name", sa.String(128), nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("customer_id", COUNTER, nullable=False),
        sa.Column("created_at", BIG, nullable=False),
        sa.Column("deleted_at", BIG, nullable=True),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_subject_customer_id_customer")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subject")),
        sa.UniqueConstraint("short_name", name=op.f("uq_subject_short_name")),
    )


def _access_grant() -> None:
    op.create_table(
        "access_grant",
        sa.Column("id", UUID, nullable=False),
        sa.Column("object_id", UUID, nullable=False),
        sa.Column("subject_id", COUNTER, nullable=False),
        sa.Column("granted_by_id", COUNTER, nullable=False),
        sa.Column("granted_at", BIG, nullable=False),
        sa.UniqueConstraint("object_id", "subject_id", name=op.f("uq_access_grant_object_id_subject_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_grant")),
        sa.ForeignKeyConstraint(
            ["granted_by_id"], ["subject.id"], name=op.f("fk_access_grant_granted_by_id_subject")
        ),
        sa.ForeignKeyConstraint(
            ["subject_id"], ["subject.id"], name=op.f("fk_access_grant_subject_id_subject")
        ),
    )
    index("ix_access_grant_subject_id_object_id", "access_grant", ["subject_id", "object_id"])


def _analysis_worker() -> None:
    op.create_table(
        "analysis_worker",
        sa.Column("id", UUID, nullable=False),
        sa.Column("short_name", sa.String(128), nullable=False),
        sa.Column("localized_names", JSON, nullable=False),
        sa.Column("localized_descriptions", JSON, nullable=False),
        sa.Column("result_schema", JSON, nullable=True),
        sa.Column("version", TEXT, nullable=True),
        sa.Column("accepts", JSON, nullable=False),
        sa.Column("classifies", BOOLEAN, nullable=False),
        sa.Column("celery", BOOLEAN, nullable=False),
        sa.Column("seconds", DOUBLE, nullable=True),
        sa.Column("created_at", BIG, nullable=False),
        sa.Column("updated_at", BIG, nullable=True),
        sa.Column("deleted_at", BIG, nullable=True),
        sa.Column("created_by_id", COUNTER, nullable=True),
        sa.Column("updated_by_id", COUNTER, nullable=True),
        sa.Column("deleted_by_id", COUNTER, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_analysis_worker")),
        sa.ForeignKeyConstraint(
            ["created_by_id"], ["subject.id"], name=op.f("fk_analysis_worker_created_by_id_subject")
        ),
        sa.ForeignKeyConstraint(
            ["updated_by_id"], ["subject.id"], name=op.f("fk_analysis_worker_updated_by_id_subject")
        ),
        sa.ForeignKeyConstraint(
            ["deleted_by_id"], ["subject.id"], name=op.f("fk_analysis_worker_deleted_by_id_subject")
        ),
    )
    index(
        "uq_analysis_worker_short_name_live",
        "analysis_worker",
        ["short_name"],
        unique=True,
        where="deleted_at IS NULL",
    )


def _api_key() -> None:
    op.create_table(
        "api_key",
        sa.Column("id", UUID, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("role", NAME, nullable=False),
        sa.Column("user_id", COUNTER, nullable=False),
        sa.Column("created_at", BIG, nullable=False),
        sa.Column("expires_at", BIG, nullable=True),
        sa.Column("revoked_at", BIG, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_key")),
        sa.UniqueConstraint("digest", name=op.f("uq_api_key_digest")),
        sa.ForeignKeyConstraint(["user_id"], ["subject.id"], name=op.f("fk_api_key_user_id_subject")),
    )


def _group_member() -> None:
    op.create_table(
        "group_member",
        sa.Column("group_id", COUNTER, nullable=False),
        sa.Column("user_id", COUNTER, nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["subject.id"], name=op.f("fk_group_member_group_id_subject")),
        sa.ForeignKeyConstraint(["user_id"], ["subject.id"], name=op.f("fk_group_member_user_id_subject")),
        sa.PrimaryKeyConstraint("group_id", "user_id", name=op.f("pk_group_member")),
    )
    index("ix_group_member_user_id", "group_member", ["user_id"])


def _policy() -> None:
    op.create_table(
        "policy",
        sa.Column("id", INTEGER, autoincrement=False, nullable=False),
        sa.Column("workers", JSON, nullable=True),
        sa.Column("options", JSON, nullable=False),
        sa.Column("updated_at", BIG, nullable=True),
        sa.Column("updated_by_id", COUNTER, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policy")),
        sa.ForeignKeyConstraint(
            ["updated_by_id"], ["subject.id"], name=op.f("fk_policy_updated_by_id_subject")
        ),
    )


def _rule() -> None:
    op.create_table(
        "rule",
        sa.Column("id", UUID, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("description", TEXT, nullable=False),
        sa.Column("match", JSON, nullable=False),
        sa.Column("action", JSON, nullable=False),
        sa.Column("created_at", BIG, nullable=False),
        sa.Column("updated_at", BIG, nullable=True),
        sa.Column("deleted_at", BIG, nullable=True),
        sa.Column("created_by_id", COUNTER, nullable=True),
        sa.Column("updated_by_id", COUNTER, nullable=True),
        sa.Column("deleted_by_id", COUNTER, nullable=True),
        sa.ForeignKeyConstraint(
            ["updated_by_id"], ["subject.id"], name=op.f("fk_rule_updated_by_id_subject")
        ),
        sa.ForeignKeyConstraint(
            ["deleted_by_id"], ["subject.id"], name=op.f("fk_rule_deleted_by_id_subject")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rule")),
        sa.ForeignKeyConstraint(
            ["created_by_id"], ["subject.id"], name=op.f("fk_rule_created_by_id_subject")
        ),
    )


def _service_task() -> None:
    op.create_table(
        "service_task",
        sa.Column("id", UUID, nullable=False),
        sa.Column("correlation_id", UUID, nullable=False),
        sa.Column("operation", sa.String(64), nullable=False),
        sa.Column("state", NAME, nullable=False),
        sa.Column("arguments", JSON, nullable=False),
        sa.Column("created_at", BIG, nullable=False),
        sa.Column("execution_at", BIG, nullable=True),
        sa.Column("finished_at", BIG, nullable=True),
        sa.Column("published_at", BIG, nullable=True),
        sa.Column("seen_at", BIG, nullable=True),
        sa.Column("created_by_id", COUNTER, nullable=True),
        sa.Column("parent_id", UUID, nullable=True),
        sa.Column("root_id", UUID, nullable=True),
        sa.Column("flags", JSON, nullable=False),
        sa.Column("worker_host", TEXT, nullable=True),
        sa.Column("response_context", JSON, nullable=False),
        sa.Column("response_messages", JSON, nullable=False),
        sa.Column("attempt", INTEGER, nullable=False),
        sa.Column("cursor", JSON, nullable=False),
        sa.ForeignKeyConstraint(
            ["created_by_id"], ["subject.id"], name=op.f("fk_service_task_created_by_id_subject")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_service_task")),
    )
    index("ix_service_task_correlation_id", "service_task", ["correlation_id"])
    index("ix_service_task_created_at", "service_task", ["created_at"])
    index(
        "ix_service_task_open",
        "service_task",
        ["created_at"],
        where="state IN ('pending', 'running', 'waitingForSubtasks')",
    )
    index("ix_service_task_parent_id", "service_task", ["parent_id"])
    index("ix_service_task_root_id", "service_task", ["root_id"])


def create() -> None:
    _audit_entry()
    _customer()
    _web_session()
    _subject()
    _access_grant()
    _analysis_worker()
    _api_key()
    _group_member()
    _policy()
    _rule()
    _service_task()
