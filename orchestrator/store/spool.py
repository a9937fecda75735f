"""Bytes on their way into the blob store."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

from orchestrator.errors import Unavailable


@dataclass(frozen=True, slots=True)
class BlobFacts:
    """What is known of bytes once they have streamed through: hex digests, and the size in bytes."""

    sha256: str
    sha512: str
    sha1: str
    md5: str
    size: int


class Spool:
    """Bytes on their way in: hashed while they are written to a file of their own.

    Leaving the block without :meth:`Blobs.keep` throws the file away.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".incoming-", dir=folder)
        self.path = Path(name)
        self._file: BinaryIO = os.fdopen(handle, "wb")
        self._digests = [
            hashlib.new(name, usedforsecurity=False) for name in ("sha256", "sha512", "sha1", "md5")
        ]
        self.size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # what a full disk did not take is tried once more, and is thrown away in any case
        with suppress(OSError):
            self._file.close()
        self.path.unlink(missing_ok=True)

    def write(self, chunk: bytes) -> None:
        with full_disk():
            self._file.write(chunk)
        for digest in self._digests:
            digest.update(chunk)
        self.size += len(chunk)

    def finish(self) -> BlobFacts:
        """Make the file durable and say what went through."""
        with full_disk():
            self._file.flush()
            os.fsync(self._file.fileno())
        sha256, sha512, sha1, md5 = (digest.hexdigest() for digest in self._digests)
        return BlobFacts(sha256, sha512, sha1, md5, self.size)


@contextmanager
def full_disk() -> Iterator[None]:
    """What the folder cannot take is :class:`Unavailable`."""
    try:
        yield
    except OSError as error:
        raise Unavailable(f"the blob store cannot take more: {error.strerror}") from error
