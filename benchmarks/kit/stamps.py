"""When runs began, told by worker processes to whoever measures them."""

from __future__ import annotations

import os
import struct
import time
from pathlib import Path
from uuid import UUID

#: A job task's id and when it began, by the monotonic clock, which is the same in all processes.
STAMP = struct.Struct("=16sd")


class Stamps:
    """Appends one record for each run to a file that all worker processes share."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def add(self, key: bytes) -> None:
        os.write(self._file, STAMP.pack(key, time.monotonic()))


def count(path: Path) -> int:
    """How many runs began."""
    return path.stat().st_size // STAMP.size if path.exists() else 0


def moments(path: Path) -> list[float]:
    """When each run began, in the order of the file."""
    return [at for _, at in STAMP.iter_unpack(path.read_bytes())]


def by_job_task(path: Path) -> dict[UUID, float]:
    """When each job task began; of several runs of one the first."""
    found: dict[UUID, float] = {}
    for key, at in STAMP.iter_unpack(path.read_bytes()):
        found.setdefault(UUID(bytes=key), at)
    return found
