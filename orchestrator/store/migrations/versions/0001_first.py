"""The first schema."""

from __future__ import annotations

from orchestrator.store.migrations.first import people, samples, work
from orchestrator.store.migrations.first.spelling import trigrams

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    people.create()
    samples.create()
    work.create()
    trigrams("sample", "submission", "analysis", "link", "static_fact", "classification", "verdict")
