"""Migrations, run by :func:`upgrade` (``assay db upgrade``)."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine


def _config(engine: Engine) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["engine"] = engine
    return config


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the store to the newest schema, or to a revision on the way there.

    Safe to run again, and by two processes at once.
    """
    command.upgrade(_config(engine), revision)


def current(engine: Engine) -> str | None:
    """The revision that the store is at, None where it is empty."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def head() -> str | None:
    """The newest revision that this code knows."""
    return ScriptDirectory(str(Path(__file__).parent)).get_current_head()
