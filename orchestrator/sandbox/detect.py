"""What this machine can do, found out by doing it."""

from __future__ import annotations

import functools
import socket
import tempfile
import uuid
from pathlib import Path

from orchestrator.sandbox import probe
from orchestrator.sandbox.forkserver import ForkServer
from orchestrator.sandbox.outcome import Ending, Level, Outcome, SandboxUnavailable
from orchestrator.sandbox.run import Run
from orchestrator.worker import Limits, Sample


@functools.cache
def detect() -> Level:
    """The strongest level at which a run succeeds here and is confined."""
    for level in Level:
        if not shortcoming(level):
            return level
    raise SandboxUnavailable(shortcoming(Level.rlimits))


def examine() -> dict[Level, str]:
    """Every level, with the reason why it does not work here; empty where it does."""
    return {level: shortcoming(level) for level in Level}


@functools.cache
def shortcoming(level: Level) -> str:
    """Why this level does not work here; empty if it does. Takes about half a second the first time."""
    try:
        outcome = _try(level)
    except SandboxUnavailable as error:
        return str(error)
    if outcome.ending is not Ending.finished or outcome.findings is None:
        return f"{level}: {outcome.message}"
    escapes = dict(outcome.findings.result)["escapes"]
    if level > Level.rlimits and escapes:
        return f"{level}: a run can still {' and '.join(escapes)}"
    return ""


def _try(level: Level) -> Outcome:
    with (
        tempfile.TemporaryDirectory(prefix="assay-probe-") as folder,
        socket.create_server(("127.0.0.1", 0)) as listener,
    ):
        secret, content, scratch = (Path(folder, each) for each in ("secret", "sample", "scratch"))
        secret.write_bytes(b"secret")
        content.write_bytes(b"probe")
        scratch.mkdir()
        options = {"secret": str(secret), "port": str(listener.getsockname()[1])}
        sample = Sample(content, "0" * 64, len(b"probe"), scratch, options=options)
        server = ForkServer(level, [probe.WORKER])
        try:
            return Run(server, uuid.uuid4().hex, None).perform(probe.WORKER, sample, Limits(), network=False)
        finally:
            server.close()
