"""What this machine can do, found out by doing it."""

from __future__ import annotations

import functools
import tempfile
import uuid
from pathlib import Path

from orchestrator.sandbox import probe
from orchestrator.sandbox.forkserver import ForkServer
from orchestrator.sandbox.outcome import Ending, Level, SandboxUnavailable
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
    with tempfile.TemporaryDirectory(prefix="assay-probe-") as folder:
        secret, content, scratch = (Path(folder, each) for each in ("secret", "sample", "scratch"))
        secret.write_bytes(b"secret")
        content.write_bytes(b"probe")
        scratch.mkdir()
        sample = Sample(content, "0" * 64, 5, scratch, options={"secret": str(secret)})
        try:
            server = ForkServer(level, [probe.WORKER])
        except SandboxUnavailable as error:
            return str(error)
        try:
            outcome = Run(server, uuid.uuid4().hex, None).perform(
                probe.WORKER, sample, Limits(), network=False
            )
        finally:
            server.close()
    if outcome.ending is not Ending.finished or outcome.findings is None:
        return f"{level}: {outcome.message}"
    result = dict(outcome.findings.result)
    if level > Level.rlimits and result["reads_outside"]:
        return f"{level}: a run can still read files outside"
    return ""
