"""New work is refused while there is room for it, not when memory or the disk has run out."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from orchestrator.errors import Unavailable
from orchestrator.settings import Settings
from orchestrator.store import jobs as store
from orchestrator.store.unit_of_work import UnitOfWork

#: Up to so many job tasks are counted each time; a longer count is believed for so many seconds.
_QUICK = 1000
_BELIEF = 0.5
#: When whoever was refused may come again, in seconds.
_LATER = 30


def check(uow: UnitOfWork, settings: Settings) -> None:
    """:class:`Unavailable` where too many job tasks are open, or the disk is nearly full."""
    limit = settings.max_open_job_tasks
    belief = _BELIEF if limit > _QUICK else 0.0
    if (
        limit
        and uow.memory.recall("open", belief, partial(store.open_job_tasks, uow.session, limit)) >= limit
    ):
        raise Unavailable(f"{limit} job tasks are waiting already; try again later", retry_after=_LATER)
    check_disk(settings)


def check_disk(settings: Settings) -> None:
    """:class:`Unavailable` where what is stored on this machine has little room left to grow."""
    least = settings.min_free_disk
    if not least:
        return
    for folder in _folders(settings):
        free = shutil.disk_usage(_existing(folder)).free
        if free < least:
            raise Unavailable(
                f"the disk is nearly full: {free} bytes are free in {folder}; try again later",
                retry_after=_LATER,
            )


def _folders(settings: Settings) -> list[Path]:
    """Where this machine keeps the database and the blobs, as far as it does."""
    blobs = urlsplit(settings.blobs)
    folders = [Path(blobs.path)] if blobs.scheme == "file" else []
    return [settings.folder, *folders] if settings.database.startswith("sqlite") else folders


def _existing(folder: Path) -> Path:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder
