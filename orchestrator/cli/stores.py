"""The store itself, for the commands of whoever runs the service."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.failure import Failure, Status
from orchestrator.domain.vocabulary import Role
from orchestrator.errors import NotFound, Unavailable
from orchestrator.services import access, audit
from orchestrator.settings import Settings, load
from orchestrator.store import migrations
from orchestrator.store.engine import make_engine
from orchestrator.store.unit_of_work import OUTAGES, Begin, UnitOfWork

#: ``--data``, wherever a command works on the store.
Data = Annotated[Path | None, typer.Option(help="The data folder.", envvar="ASSAY_DATA_DIR")]

#: The user whose key lets this machine's command line call the API of an ``assay up``.
_LOCAL_USER = "local-command-line"


def settings_for(data: Path | None) -> Settings:
    """The settings, with the data folder where one is given."""
    return load(**({} if data is None else {"data_dir": data}))


def is_new(settings: Settings) -> bool:
    """Whether the store is a file that nobody has made yet."""
    path = settings.database.removeprefix("sqlite:///")
    return path != settings.database and not Path(path).exists()


@contextmanager
def opened(settings: Settings) -> Iterator[Begin]:
    """A store that is there and up to date."""
    if is_new(settings):
        raise Failure(
            f"no store at {settings.database.removeprefix('sqlite:///')}: start `assay up`, or name its "
            "folder with --data",
            Status.missing,
        )
    with _reachable(settings) as begin:
        yield begin


@contextmanager
def _reachable(settings: Settings, *, migrate: bool = False) -> Iterator[Begin]:
    engine = make_engine(settings.database)
    try:
        if migrate:
            migrations.upgrade(engine)
        elif migrations.current(engine) != migrations.head():
            raise Failure("the store is not at this version's schema: run `assay db upgrade`", Status.usage)
        yield partial(UnitOfWork, engine)
    except OUTAGES as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise Unavailable(f"the database does not answer ({reason}): check ASSAY_DATABASE_URL") from None
    finally:
        engine.dispose()


def upgrade(settings: Settings) -> str | None:
    """Bring the store to the newest schema; its revision."""
    with _reachable(settings, migrate=True) as begin, begin() as uow:
        audit.note(uow, "db upgrade", str(migrations.head()))
        uow.commit()
    return migrations.head()


def prepare(settings: Settings) -> tuple[str | None, str]:
    """For a start: upgrade; the administrator's key if this is the first, and a new local key."""
    with _reachable(settings, migrate=True) as begin:
        with begin() as uow:
            administrator = access.first_start(uow)
        withdraw_local_keys(begin)
        with begin() as uow:
            audit.note(uow, "key create", _LOCAL_USER, role=Role.administrator.value)
            return administrator, access.create_key(uow, _LOCAL_USER, Role.administrator)


def withdraw_local_keys(begin: Begin) -> None:
    """Earlier starts' local keys are good no more."""
    with suppress(NotFound), begin() as uow:
        access.revoke_key(uow, _LOCAL_USER)
