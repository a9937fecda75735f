"""What a running ``assay up`` leaves for others on the same machine: where it is, and a key of its own."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from orchestrator.cli.failure import Failure, Status

#: A unix socket's path must be shorter than this many bytes (``sun_path`` in unix(7)).
SOCKET_LIMIT = 107


@dataclass(frozen=True, slots=True)
class Running:
    """A running stack."""

    url: str
    key: str
    pid: int
    data: str
    broker: str
    children: Mapping[str, int] = field(default_factory=dict)


def record_of(folder: Path) -> Path:
    """The file that describes the stack on this data folder."""
    return folder / "run" / "up.json"


def private_folder() -> Path:
    """A folder of this user alone, with a short path."""
    base = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())
    folder = base / f"assay-{os.getuid()}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    facts = folder.lstat()
    if folder.is_symlink() or facts.st_uid != os.getuid() or facts.st_mode & 0o077:
        raise Failure(f"{folder} is not a private folder of this user: remove it", Status.usage)
    return folder


def broker_socket(folder: Path) -> Path:
    """Where the embedded Valkey of a data folder listens: in it, if its path is short enough."""
    path = folder / "run" / "valkey.sock"
    if len(os.fsencode(path)) < SOCKET_LIMIT:
        return path
    return private_folder() / f"{_mark(folder)}.sock"


def publish(running: Running) -> None:
    """Tell this user's other processes of the stack."""
    for path in _places(Path(running.data)):
        write_private(path, json.dumps(asdict(running), indent=2) + "\n")


def withdraw(folder: Path) -> None:
    """The stack is gone."""
    for path in _places(folder):
        path.unlink(missing_ok=True)


def write_private(path: Path, content: str) -> None:
    """Write a file that only this user reads, in one step."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(content)
    draft.replace(path)


def find(folder: Path) -> Running | None:
    """The live stack on this data folder, else the only live one of this user."""
    if (here := _read(record_of(folder))) is not None:
        return here
    others = [_read(path) for path in sorted(private_folder().glob("up-*.json"))]
    alive = [each for each in others if each is not None]
    if len(alive) > 1:
        where = ", ".join(each.data for each in alive)
        raise Failure(f"several Assays run here: set ASSAY_DATA_DIR to one of {where}", Status.usage)
    return alive[0] if alive else None


def _places(folder: Path) -> tuple[Path, Path]:
    return record_of(folder), private_folder() / f"up-{_mark(folder)}.json"


def _mark(folder: Path) -> str:
    return hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]


def _read(path: Path) -> Running | None:
    """The record, where its supervisor lives."""
    with contextlib.suppress(OSError, ValueError, TypeError):
        running = Running(**json.loads(path.read_text()))
        os.kill(running.pid, 0)
        return running
    return None
