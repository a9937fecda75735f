"""Whether the database answers, and knows this code's schema."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.orm import Session

from orchestrator.errors import Unavailable
from orchestrator.store import migrations


def check_database(session: Session) -> None:
    """Raise :class:`Unavailable` unless the schema is the newest that this code knows."""
    revision = session.scalar(text("SELECT version_num FROM alembic_version"))
    if revision != migrations.head():
        raise Unavailable(f"the schema is at {revision}, not {migrations.head()}: run assay db upgrade")
