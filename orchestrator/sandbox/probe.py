"""The run that shows what a machine can do: it passes only if the confinement really holds."""

from __future__ import annotations

import socket
from pathlib import Path

from orchestrator.worker import Findings, NothingForMe, Sample, analysis_worker

WORKER = "orchestrator.sandbox.probe:probe"


@analysis_worker("probe", version="1.0")
def probe(sample: Sample) -> Findings:
    """Reads the sample, writes to the scratch folder, and says what else it sees."""
    if sample.path.read_bytes() != b"probe":
        raise NothingForMe("the sample does not read as it should")
    (sample.scratch / "written").write_bytes(b"probe")
    escapes = {
        "read files outside": _can_read(sample.options["secret"]),
        "reach the network": _can_connect(int(sample.options["port"])),
    }
    return Findings(result={"escapes": [name for name, works in escapes.items() if works]})


def _can_read(path: str) -> bool:
    try:
        return bool(Path(path).read_bytes())
    except OSError:
        return False


def _can_connect(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False
