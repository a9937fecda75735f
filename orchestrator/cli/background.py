"""``assay sweep``, and one worker process of ``assay worker``: what works behind the API, for production."""

from __future__ import annotations

import signal
import threading
import warnings
from typing import Annotated

import typer

from orchestrator import logs, tracing
from orchestrator.broker.process import run_worker
from orchestrator.broker.sweep import run_sweep
from orchestrator.cli import stores
from orchestrator.services.webhooks.courier import Courier
from orchestrator.settings import load

app = typer.Typer()


@app.command()
def sweep() -> None:
    """Send again what was lost, time out what is late, expire what is old, call webhooks.

    Safe to run more than once.
    """
    settings = load()
    logs.configure(settings)
    tracing.configure("sweep")
    closing = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: closing.set())
    with stores.opened(settings) as begin:
        courier = threading.Thread(target=Courier(settings, begin).run, args=(closing,), name="courier")
        courier.start()
        run_sweep(settings, begin, closing)
        courier.join()
    tracing.close()


@app.command("worker-process", hidden=True)
def worker_process(workers: Annotated[str, typer.Option()] = "") -> None:
    """Serve analysis workers in this process; `assay worker` starts it."""
    settings = load()
    logs.configure(settings)
    tracing.configure("worker")
    # what a sample could reach is confined by the sandbox, whoever runs the worker
    warnings.filterwarnings("ignore", message="You're running the worker with superuser")
    with stores.opened(settings):
        names = [name.strip() for name in workers.split(",") if name.strip()]
    status = run_worker(settings, names or None)
    tracing.close()
    raise typer.Exit(status)
