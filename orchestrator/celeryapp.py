"""For Celery's own command line: ``celery -A orchestrator.celeryapp worker``."""

from __future__ import annotations

from orchestrator.broker.app import make_app
from orchestrator.settings import load

app = make_app(load())
