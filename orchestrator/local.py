"""A sample that lies on this machine as a file: what the commands and tests that need no stack work on."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from orchestrator.worker import Sample

_ALGORITHMS = ("sha256", "sha512", "sha1", "md5")


def sample_at(path: Path, scratch: Path, **about: Any) -> Sample:
    """The sample in this file; ``about`` are further fields of :class:`~orchestrator.worker.Sample`."""
    digests = [hashlib.new(name, usedforsecurity=False) for name in _ALGORITHMS]
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            for digest in digests:
                digest.update(block)
    values = {name: digest.hexdigest() for name, digest in zip(_ALGORITHMS, digests, strict=True)}
    fields = {"file_name": path.name, **values, **about}
    return Sample(path=path.absolute(), size=path.stat().st_size, scratch=scratch, **fields)
