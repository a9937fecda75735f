"""A worker process, as ``assay worker`` starts it."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from celery import signals

from orchestrator.broker.analyst import Analyse
from orchestrator.broker.app import make_app
from orchestrator.broker.runtime import Runtime
from orchestrator.errors import SettingsError
from orchestrator.settings import Settings
from orchestrator.worker import installed, uninstallable

#: Loggers that write two lines for every job task; the history tells the same.
_TALKATIVE = ("celery.worker.strategy", "celery.app.trace")


def run_worker(
    settings: Settings,
    workers: Sequence[str] | None = None,
    *,
    threads: int = 1,
    analyse: Analyse | None = None,
) -> int:
    """Serve analysis workers (None: all that are installed) until SIGTERM; return the exit status.

    ``analyse`` replaces the sandboxed run: benchmarks measure the recorder without it.
    """
    offered = installed(workers)
    names = sorted(offered) if workers is None else list(workers)
    for name in names:
        if name not in offered:
            reason = uninstallable().get(name, "no installed package offers it")
            raise SettingsError(f"worker {name!r} is not available: {reason}")
    _quieten(settings)
    app = make_app(settings, names)
    app.runtime = Runtime(settings, [offered[name] for name in names])
    if analyse is not None:
        app.runtime.analyse = analyse
    if app.runtime.workers:
        # imports take long and nothing was claimed yet: until Celery handles signals, SIGTERM ends us at once
        app.runtime.sandbox.start()
    worker = app.Worker(
        loglevel=settings.log_level.upper(),
        concurrency=threads,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        hostname=f"assay-{app.runtime.process.pid}@%h",
        quiet=True,
    )
    worker.start()
    return int(worker.exitcode or 0)


def _quieten(settings: Settings) -> None:
    """Keep Celery from setting up logging of its own, and from telling of every message."""
    signals.setup_logging.connect(_leave_logging, weak=False)
    if settings.log_level != "debug":
        for name in _TALKATIVE:
            logging.getLogger(name).setLevel(logging.WARNING)


def _leave_logging(**_: object) -> None:
    """Celery sets up logging only where nobody answers its signal."""
