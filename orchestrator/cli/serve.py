"""``assay api``: the API alone, for production."""

from __future__ import annotations

import signal
import socket
from types import FrameType
from typing import Annotated, Any

import typer
import uvicorn

from orchestrator import bootstrap, logs, tracing
from orchestrator.cli import embedded, stores
from orchestrator.cli.impatient import ImpatientProtocol
from orchestrator.settings import load

app = typer.Typer()

#: Seconds that open connections get when the API is asked to stop.
_FAREWELL = 5


@app.command()
def api(
    host: Annotated[
        str | None, typer.Option(help="Where to listen; 127.0.0.1 unless told otherwise.")
    ] = None,
    port: Annotated[int | None, typer.Option(help="The port; 0 picks a free one.", min=0, max=65535)] = None,
    fd: Annotated[
        int | None, typer.Option(help="A listening socket that is open already.", hidden=True)
    ] = None,
) -> None:
    """Serve the API."""
    given: dict[str, Any] = {"host": host, "port": port}
    settings = load(**{name: value for name, value in given.items() if value is not None})
    logs.configure(settings)
    tracing.configure("api")
    with stores.opened(settings):
        pass
    # uvicorn raises the signal that ended it once more when all is done: that is a good end
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _exit)
    server = embedded.listen(settings.host, settings.port) if fd is None else socket.socket(fileno=fd)
    with server:
        config = uvicorn.Config(
            bootstrap.api(settings),
            loop="uvloop",
            http=ImpatientProtocol,
            log_config=None,
            access_log=settings.log_level == "debug",
            timeout_graceful_shutdown=_FAREWELL,
            server_header=False,
        )
        uvicorn.Server(config).run(sockets=[server])


def _exit(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)
