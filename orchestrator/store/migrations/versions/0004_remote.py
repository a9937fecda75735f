"""Whose a remote worker's process is, and what its receipts are made with."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("worker_process", sa.Column("user_id", sa.Integer(), nullable=True))
    op.add_column("worker_process", sa.Column("secret", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("worker_process", "secret")
    op.drop_column("worker_process", "user_id")
