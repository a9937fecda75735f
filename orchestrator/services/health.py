"""Whether the parts that the service depends on can be used now."""

from __future__ import annotations

from collections.abc import Callable

from orchestrator.services.application import Application
from orchestrator.store.health import check_database


def checks(application: Application) -> dict[str, Callable[[], None]]:
    """A check per part; each raises :class:`~orchestrator.errors.Unavailable` where its part is away."""

    def database() -> None:
        with application.begin(write=False) as uow:
            check_database(uow.session)

    return {"database": database, "broker": application.check_broker, "blobs": application.blobs.check}
