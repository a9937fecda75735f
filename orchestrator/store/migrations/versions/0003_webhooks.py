"""Who wants to be told of events over HTTP, and what became of telling."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from orchestrator.store.migrations.first.spelling import (
    BIG,
    BOOLEAN,
    COUNTER,
    INTEGER,
    JSON,
    NAME,
    TEXT,
    UUID,
    index,
)

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "webhook",
        sa.Column("id", UUID, nullable=False),
        sa.Column("user_id", COUNTER, nullable=False),
        sa.Column("role", NAME, nullable=False),
        sa.Column("url", TEXT, nullable=False),
        sa.Column("events", JSON, nullable=False),
        sa.Column("secret", TEXT, nullable=False),
        sa.Column("active", BOOLEAN, nullable=False),
        sa.Column("created_at", BIG, nullable=False),
        sa.Column("failing_since", BIG),
        sa.Column("disabled_reason", TEXT),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook")),
        sa.ForeignKeyConstraint(["user_id"], ["subject.id"], name=op.f("fk_webhook_user_id_subject")),
    )
    index("ix_webhook_user_id", "webhook", ["user_id"])
    op.create_table(
        "webhook_delivery",
        sa.Column("id", UUID, nullable=False),
        sa.Column("webhook_id", UUID, nullable=False),
        sa.Column("event_id", sa.String(64), nullable=False),
        sa.Column("event", sa.String(64), nullable=False),
        sa.Column("body", TEXT, nullable=False),
        sa.Column("state", NAME, nullable=False),
        sa.Column("attempts", INTEGER, nullable=False),
        sa.Column("created_at", BIG, nullable=False),
        sa.Column("due_at", BIG, nullable=False),
        sa.Column("tried_at", BIG),
        sa.Column("status", INTEGER),
        sa.Column("error", TEXT),
        sa.Column("took_ms", INTEGER),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_delivery")),
        sa.ForeignKeyConstraint(
            ["webhook_id"], ["webhook.id"], name=op.f("fk_webhook_delivery_webhook_id_webhook")
        ),
        sa.UniqueConstraint("webhook_id", "event_id", name=op.f("uq_webhook_delivery_webhook_id_event_id")),
    )
    index("ix_webhook_delivery_webhook_id_created_at", "webhook_delivery", ["webhook_id", "created_at"])
    index("ix_webhook_delivery_due_at_pending", "webhook_delivery", ["due_at"], where="state = 'pending'")
    index("ix_webhook_delivery_created_at", "webhook_delivery", ["created_at"])
    op.create_table(
        "webhook_cursor",
        sa.Column("id", INTEGER, autoincrement=False, nullable=False),
        sa.Column("position", BIG, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_cursor")),
    )
