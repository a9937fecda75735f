"""The audit log says by which key and with what success; a job task may wait for more than 24 days."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("audit_entry", sa.Column("role", sa.String(24)))
    op.add_column("audit_entry", sa.Column("key_id", sa.Uuid()))
    op.add_column("audit_entry", sa.Column("status", sa.Integer()))
    op.add_column("audit_entry", sa.Column("request_id", sa.String(64)))
    op.create_index("ix_audit_entry_user_at", "audit_entry", ["user", "at"])
    with op.batch_alter_table("job_task_event") as events:
        events.alter_column("waited_ms", existing_type=sa.Integer(), type_=sa.BigInteger())
        events.alter_column("ran_ms", existing_type=sa.Integer(), type_=sa.BigInteger())
