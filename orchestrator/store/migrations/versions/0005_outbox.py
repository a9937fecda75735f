"""The outbox, and lanes in which job tasks wait for their customer's turn."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from orchestrator.store.migrations.first.spelling import BIG, JSON, TEXT, UUID, index

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_UNPUBLISHED = "ix_job_task_due_at_unpublished"


def upgrade() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", UUID, nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.Column("job_tasks", JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
    )
    op.add_column("job_task", sa.Column("lane", TEXT, nullable=True))
    op.drop_index(_UNPUBLISHED, "job_task")
    index(
        _UNPUBLISHED,
        "job_task",
        ["due_at"],
        where="state = 'enqueued' AND published_at IS NULL AND lane IS NULL",
    )
    index(
        "ix_job_task_lane_id_held",
        "job_task",
        ["lane", "id"],
        where="state = 'enqueued' AND lane IS NOT NULL",
    )
