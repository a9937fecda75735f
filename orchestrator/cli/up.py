"""``assay up``: the whole stack in the foreground, with nothing to install."""

from __future__ import annotations

import os
import socket
from typing import Annotated, Any

import structlog
import typer

from orchestrator import logs
from orchestrator.cli import embedded, runtime, stores
from orchestrator.cli.failure import Failure
from orchestrator.cli.output import line
from orchestrator.cli.supervisor import ChildDied, Stopped, Supervisor
from orchestrator.settings import Settings, load

app = typer.Typer()
log = structlog.get_logger()

#: How long a start may take on a busy machine.
_START = 120.0


@app.command()
def up(
    data: stores.Data = None,
    host: Annotated[
        str | None, typer.Option(help="Where to listen; 127.0.0.1 unless told otherwise.")
    ] = None,
    port: Annotated[int | None, typer.Option(help="The port; 0 picks a free one.", min=0, max=65535)] = None,
) -> None:
    """Run broker, store, API, workers and sweep on one data folder, until Ctrl-C.

    Prints the URL and, on the very first start, an administrator's key. However it ends, nothing is left.
    """
    given: dict[str, Any] = {"data_dir": data, "host": host, "port": port}
    settings = load(**{name: value for name, value in given.items() if value is not None})
    logs.configure(settings)
    settings.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    held = embedded.lock(settings.folder)
    with embedded.listen(settings.host, settings.port) as server:
        administrator, key = stores.prepare(settings)
        if administrator is not None:
            line(f"administrator key (shown once): {administrator}")
        try:
            with Supervisor() as supervisor:
                _run(supervisor, settings, server, held, key)
        except Stopped as stopped:
            log.info("stopped", action="up.stop", signal=str(stopped))
        except ChildDied as death:
            raise Failure(f"{death}: everything was stopped") from None
        finally:
            runtime.withdraw(settings.folder)
            os.close(held)


def _run(supervisor: Supervisor, settings: Settings, server: socket.socket, held: int, key: str) -> None:
    if not settings.broker_url:
        supervisor.start(embedded.valkey(settings, held))
        supervisor.await_ready("valkey", lambda: embedded.valkey_answers(settings), _START)
    for child in embedded.services(settings, server, held):
        supervisor.start(child)
    url = embedded.url_of(server)
    supervisor.await_ready("api", lambda: embedded.api_answers(url), _START)
    supervisor.await_ready("the first worker", lambda: embedded.workers_registered(url, key), _START)
    broker = embedded.environment(settings).get("ASSAY_BROKER_URL", "")
    runtime.publish(runtime.Running(url, key, os.getpid(), str(settings.folder), broker, supervisor.pids))
    line(f"Assay is at {url}")
    supervisor.watch()
