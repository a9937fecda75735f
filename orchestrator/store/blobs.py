"""The bytes of samples and evidence, by their SHA-256: a local folder, or an S3-compatible store."""

from __future__ import annotations

import os
import re
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import S3Store

from orchestrator.errors import NotFound, Unavailable
from orchestrator.settings import Settings
from orchestrator.store.spool import BlobFacts, Spool, full_disk

CHUNK = 1024 * 1024

_SHA256 = re.compile("[0-9a-f]{64}")


class Blobs(ABC):
    """A store of immutable bytes, by SHA-256. A missing blob is :class:`NotFound`."""

    def put(self, chunks: Iterable[bytes]) -> BlobFacts:
        """Store what streams in; storing the same bytes again changes nothing."""
        with self.spool() as spool:
            for chunk in chunks:
                spool.write(chunk)
            return self.keep(spool)

    def put_file(self, path: Path) -> BlobFacts:
        """Store a file's content."""
        with path.open("rb") as file:
            return self.put(iter(lambda: file.read(CHUNK), b""))

    @abstractmethod
    def spool(self) -> Spool:
        """Begin to take bytes in."""

    @abstractmethod
    def keep(self, spool: Spool) -> BlobFacts:
        """Make what was spooled a blob."""

    @abstractmethod
    def open(self, sha256: str) -> Iterator[bytes]:
        """The blob in chunks; raises before the first one where it is missing."""

    @abstractmethod
    def read(self, sha256: str, offset: int, length: int) -> bytes:
        """A part of the blob."""

    @abstractmethod
    def local(self, sha256: str) -> AbstractContextManager[Path]:
        """A local file with the blob's content, for as long as the block lasts."""

    @abstractmethod
    def exists(self, sha256: str) -> bool: ...

    @abstractmethod
    def delete(self, sha256: str) -> None:
        """Remove the blob; one that is not there is fine."""

    @abstractmethod
    def every(self, before: datetime) -> Iterator[str]:
        """The blobs, by SHA-256, that were stored before a moment."""

    @abstractmethod
    def check(self) -> None:
        """Raise :class:`Unavailable` where the store cannot be used."""


class LocalBlobs(Blobs):
    """A folder; a blob is at ``ab/cd/abcd…``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _path(self, sha256: str) -> Path:
        return self._folder / sha256[:2] / sha256[2:4] / sha256

    def spool(self) -> Spool:
        with full_disk():
            return Spool(self._folder)

    def keep(self, spool: Spool) -> BlobFacts:
        facts = spool.finish()
        path = self._path(facts.sha256)
        if not path.exists():
            with full_disk():
                path.parent.mkdir(parents=True, exist_ok=True)
                spool.path.chmod(0o600)
                spool.path.replace(path)
                _sync_folder(path.parent)
        else:
            # young again: nobody takes it for one that no row has named for long
            path.touch()
        return facts

    def open(self, sha256: str) -> Iterator[bytes]:
        try:
            file = self._path(sha256).open("rb")
        except FileNotFoundError:
            raise NotFound("blob", sha256) from None
        return _chunks(file)

    def read(self, sha256: str, offset: int, length: int) -> bytes:
        try:
            with self._path(sha256).open("rb") as file:
                file.seek(offset)
                return file.read(length)
        except FileNotFoundError:
            raise NotFound("blob", sha256) from None

    def local(self, sha256: str) -> AbstractContextManager[Path]:
        if not self.exists(sha256):
            raise NotFound("blob", sha256)
        return nullcontext(self._path(sha256))

    def exists(self, sha256: str) -> bool:
        return self._path(sha256).is_file()

    def delete(self, sha256: str) -> None:
        self._path(sha256).unlink(missing_ok=True)

    def every(self, before: datetime) -> Iterator[str]:
        for path in sorted(self._folder.glob("??/??/*")):
            if _SHA256.fullmatch(path.name) and path.stat().st_mtime < before.timestamp():
                yield path.name

    def check(self) -> None:
        with full_disk():
            self._folder.mkdir(parents=True, exist_ok=True)
            if not os.access(self._folder, os.W_OK):
                raise Unavailable(f"the blob folder {self._folder} is not writable")


class S3Blobs(Blobs):
    """A bucket of an S3-compatible store, through obstore."""

    def __init__(self, store: S3Store, scratch: Path) -> None:
        self._store = store
        self._scratch = scratch

    @staticmethod
    def _key(sha256: str) -> str:
        return f"{sha256[:2]}/{sha256[2:4]}/{sha256}"

    def spool(self) -> Spool:
        with full_disk():
            return Spool(self._scratch)

    def keep(self, spool: Spool) -> BlobFacts:
        facts = spool.finish()
        if not self.exists(facts.sha256):
            with _away():
                obstore.put(self._store, self._key(facts.sha256), spool.path)
        return facts

    def open(self, sha256: str) -> Iterator[bytes]:
        with _away(sha256):
            stream = obstore.get(self._store, self._key(sha256)).stream(min_chunk_size=CHUNK)
        return (bytes(chunk) for chunk in stream)

    def read(self, sha256: str, offset: int, length: int) -> bytes:
        with _away(sha256):
            return bytes(obstore.get_range(self._store, self._key(sha256), start=offset, length=length))

    @contextmanager
    def local(self, sha256: str) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="assay-blob-") as folder:
            path = Path(folder) / sha256
            with path.open("wb") as file:
                for chunk in self.open(sha256):
                    file.write(chunk)
            yield path

    def exists(self, sha256: str) -> bool:
        try:
            with _away():
                obstore.head(self._store, self._key(sha256))
        except NotFoundError:
            return False
        return True

    def delete(self, sha256: str) -> None:
        try:
            with _away():
                obstore.delete(self._store, self._key(sha256))
        except NotFoundError:
            pass

    def every(self, before: datetime) -> Iterator[str]:
        with _away():
            for page in obstore.list(self._store):
                for each in page:
                    name = each["path"].rsplit("/", 1)[-1]
                    if _SHA256.fullmatch(name) and each["last_modified"] < before:
                        yield name

    def check(self) -> None:
        self.exists("0" * 64)


@contextmanager
def _away(sha256: str | None = None) -> Iterator[None]:
    try:
        yield
    except (NotFoundError, FileNotFoundError) as error:
        if sha256 is None:
            raise NotFoundError(str(error)) from error
        raise NotFound("blob", sha256) from None
    except BaseError as error:
        raise Unavailable("the blob store cannot serve now") from error


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while chunk := file.read(CHUNK):
            yield chunk


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def open_blobs(settings: Settings) -> Blobs:
    """The blob store that the settings name."""
    url = urlsplit(settings.blobs)
    if url.scheme == "file":
        return LocalBlobs(Path(url.path))
    options: dict[str, str | bool] = {"region": settings.s3_region}
    if settings.s3_endpoint:
        options["endpoint"] = settings.s3_endpoint
    if settings.s3_access_key:
        options["access_key_id"] = settings.s3_access_key
        options["secret_access_key"] = settings.s3_secret_key.get_secret_value()
    store = S3Store(
        url.netloc,
        prefix=url.path.strip("/") or None,
        client_options={"allow_http": True, "timeout": "30s"},
        **options,  # type: ignore[arg-type]
    )
    return S3Blobs(store, Path(tempfile.gettempdir()) / "assay-spool")
