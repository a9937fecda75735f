"""The first schema."""

from __future__ import annotations

from alembic import op

from orchestrator.store.tables import Base

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    bind = op.get_bind()
    Base.metadata.create_all(bind)
    if bind.dialect.name == "postgresql":
        op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        for table in ("sample", "submission", "analysis", "link", "static_fact", "classification", "verdict"):
            op.execute(f"CREATE INDEX ix_{table}_search_trigram ON {table} USING gin (search gin_trgm_ops)")


def downgrade() -> None:
    Base.metadata.drop_all(op.get_bind())
