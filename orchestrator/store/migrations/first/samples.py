"""The first schema: samples and what is known of their bytes. Frozen."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from orchestrator.store.migrations.first.spelling import (
    BIG,
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


def _sample() -> None:
    op.create_table(
        "sample",
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("sha512", sa.String(128), nullable=False),
        sa.Column("sha1", sa.String(40), nullable=False),
        sa.Column("md5", sa.String(32), nullable=False),
        sa.Column("size", BIG, nullable=False),
        sa.Column("created_at", BIG, nullable=False),
        sa.Column("deleted_at", BIG, nullable=True),
        sa.Column("first_submitted_at", BIG, nullable=True),
        sa.Column("last_submitted_at", BIG, nullable=True),
        sa.Column("first_observed_at", BIG, nullable=True),
        sa.Column("last_observed_at", BIG, nullable=True),
        sa.Column("last_analysis_at", BIG, nullable=True),
        sa.Column("last_link_at", BIG, nullable=True),
        sa.Column("latest_classification_id", UUID, nullable=True),
        sa.Column("latest_verdict_id", UUID, nullable=True),
        sa.Column("search", TEXT, server_default="", nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_sample")),
        postgresql_with={"fillfactor": 80},
    )
    index("ix_sample_created_at_sha256", "sample", ["created_at", "sha256"], where="deleted_at IS NULL")
    index("ix_sample_md5", "sample", ["md5"])
    index("ix_sample_sha1", "sample", ["sha1"])
    index("ix_sample_sha512", "sample", ["sha512"])
    index("ix_sample_size_sha256", "sample", ["size", "sha256"], where="deleted_at IS NULL")


def _classification() -> None:
    op.create_table(
        "classification",
        sa.Column("id", UUID, nullable=False),
        sa.Column("sample_sha256", sa.String(64), nullable=False),
        sa.Column("type", TEXT, nullable=False),
        sa.Column("super_type", TEXT, nullable=False),
        sa.Column("arch", TEXT, nullable=False),
        sa.Column("platform", TEXT, nullable=False),
        sa.Column("version", TEXT, nullable=False),
        sa.Column("meta_data", JSON, nullable=False),
        sa.Column("created_at", BIG, nullable=False),
        sa.Column("search", TEXT, server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_classification")),
        sa.ForeignKeyConstraint(
            ["sample_sha256"], ["sample.sha256"], name=op.f("fk_classification_sample_sha256_sample")
        ),
    )
    coarse("ix_classification_arch_beginning", "classification", [sa.text("substr(arch, 1, 200)")])
    index("ix_classification_created_at", "classification", ["created_at"])
    documents("ix_classification_meta_data_values", "classification", "meta_data")
    coarse("ix_classification_platform_beginning", "classification", [sa.text("substr(platform, 1, 200)")])
    index("ix_classification_sample_sha256_created_at", "classification", ["sample_sha256", "created_at"])
    coarse(
        "ix_classification_super_type_beginning", "classification", [sa.text("substr(super_type, 1, 200)")]
    )
    coarse("ix_classification_type_beginning", "classification", [sa.text("substr(type, 1, 200)")])
    coarse("ix_classification_version_beginning", "classification", [sa.text("substr(version, 1, 200)")])


def _challenge() -> None:
    op.create_table(
        "challenge",
        sa.Column("id", UUID, nullable=False),
        sa.Column("sample_sha256", sa.String(64), nullable=False),
        sa.Column("user_id", COUNTER, nullable=False),
        sa.Column("answer", sa.String(64), nullable=False),
        sa.Column("offset", BIG, nullable=False),
        sa.Column("length", INTEGER, nullable=False),
        sa.Column("expires_at", BIG, nullable=False),
        sa.Column("used_at", BIG, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_challenge")),
        sa.ForeignKeyConstraint(["user_id"], ["subject.id"], name=op.f("fk_challenge_user_id_subject")),
    )
    index("ix_challenge_expires_at", "challenge", ["expires_at"])


def _link() -> None:
    op.create_table(
        "link",
        sa.Column("id", UUID, nullable=False),
        sa.Column("sample_sha256", sa.String(64), nullable=False),
        sa.Column("reference", sa.String(64), nullable=False),
        sa.Column("type", NAME, nullable=False),
        sa.Column("tlp", NAME, nullable=False),
        sa.Column("customer_id", COUNTER, nullable=False),
        sa.Column("user_id", COUNTER, nullable=False),
        sa.Column("user_agent_name", TEXT, nullable=False),
        sa.Column("user_agent_version", TEXT, nullable=False),
        sa.Column("created_at", BIG, nullable=False),
        sa.Column("search", TEXT, server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_link")),
        sa.ForeignKeyConstraint(["user_id"], ["subject.id"], name=op.f("fk_link_user_id_subject")),
        sa.ForeignKeyConstraint(
            ["sample_sha256"], ["sample.sha256"], name=op.f("fk_link_sample_sha256_sample")
        ),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_link_customer_id_customer")),
    )
    index("ix_link_created_at", "link", ["created_at"])
    index("ix_link_reference", "link", ["reference"])
    index("ix_link_sample_sha256_created_at", "link", ["sample_sha256", "created_at"])
    coarse("ix_link_tlp", "link", ["tlp"])
    coarse("ix_link_type", "link", ["type"])
    coarse("ix_link_user_agent_name", "link", ["user_agent_name"])
    coarse("ix_link_user_id", "link", ["user_id"])


def _static_fact() -> None:
    op.create_table(
        "static_fact",
        sa.Column("id", UUID, nullable=False),
        sa.Column("sample_sha256", sa.String(64), nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("value", TEXT, nullable=False),
        sa.Column("user_id", COUNTER, nullable=False),
        sa.Column("user_agent_name", TEXT, nullable=False),
        sa.Column("user_agent_version", TEXT, nullable=False),
        sa.Column("created_at", BIG, nullable=False),
        sa.Column("search", TEXT, server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["sample_sha256"], ["sample.sha256"], name=op.f("fk_static_fact_sample_sha256_sample")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["subject.id"], name=op.f("fk_static_fact_user_id_subject")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_static_fact")),
    )
    coarse("ix_static_fact_key_beginning", "static_fact", [sa.text("substr(key, 1, 200)")])
    index("ix_static_fact_sample_sha256_key", "static_fact", ["sample_sha256", "key"])
    coarse("ix_static_fact_user_agent_name", "static_fact", ["user_agent_name"])
    index("ix_static_fact_value_beginning", "static_fact", [sa.text("substr(value, 1, 200)")])


def _submission() -> None:
    op.create_table(
        "submission",
        sa.Column("id", UUID, nullable=False),
        sa.Column("sample_sha256", sa.String(64), nullable=False),
        sa.Column("customer_id", COUNTER, nullable=False),
        sa.Column("user_id", COUNTER, nullable=False),
        sa.Column("file_name", TEXT, nullable=False),
        sa.Column("mime_type", TEXT, nullable=False),
        sa.Column("meta_data", JSON, nullable=False),
        sa.Column("tlp", NAME, nullable=False),
        sa.Column("user_agent_name", TEXT, nullable=False),
        sa.Column("user_agent_version", TEXT, nullable=False),
        sa.Column("observed_at", BIG, nullable=False),
        sa.Column("submitted_at", BIG, nullable=False),
        sa.Column("expiry_at", BIG, nullable=True),
        sa.Column("flags", JSON, nullable=False),
        sa.Column("search", TEXT, server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_submission")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_submission_customer_id_customer")
        ),
        sa.ForeignKeyConstraint(
            ["sample_sha256"], ["sample.sha256"], name=op.f("fk_submission_sample_sha256_sample")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["subject.id"], name=op.f("fk_submission_user_id_subject")),
    )
    index("ix_submission_customer_id_sample_sha256", "submission", ["customer_id", "sample_sha256"])
    index("ix_submission_customer_id_submitted_at", "submission", ["customer_id", "submitted_at"])
    index("ix_submission_expiry_at", "submission", ["expiry_at"])
    coarse("ix_submission_expiry_at_down", "submission", [sa.text("expiry_at DESC NULLS LAST")])
    index("ix_submission_file_name_beginning", "submission", [sa.text("substr(file_name, 1, 200)")])
    documents("ix_submission_meta_data_values", "submission", "meta_data")
    coarse("ix_submission_mime_type_beginning", "submission", [sa.text("substr(mime_type, 1, 200)")])
    index("ix_submission_observed_at", "submission", ["observed_at"])
    index("ix_submission_sample_sha256_customer_id", "submission", ["sample_sha256", "customer_id"])
    index("ix_submission_submitted_at", "submission", ["submitted_at"])
    coarse("ix_submission_tlp", "submission", ["tlp"])
    coarse("ix_submission_user_agent_name", "submission", ["user_agent_name"])
    index("ix_submission_user_id", "submission", ["user_id"])


def create() -> None:
    _sample()
    _classification()
    _challenge()
    _link()
    _static_fact()
    _submission()
