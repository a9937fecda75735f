"""What may be asked of the service itself: each request becomes a service task (contract section 11)."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.domain.caller import Caller
from orchestrator.domain.messages import Dispatch
from orchestrator.services import samples, workers
from orchestrator.services.operations import DELETE_SAMPLE, REANALYSE, REINDEX
from orchestrator.services.operations.batches import arguments_of
from orchestrator.services.servicetasks import request
from orchestrator.store.reindexing import Window
from orchestrator.store.tables import ServiceTask
from orchestrator.store.unit_of_work import UnitOfWork


def delete_sample(uow: UnitOfWork, dispatch: Dispatch, caller: Caller, sha256: str) -> ServiceTask:
    """Delete a stored sample."""
    samples.stored(uow, caller, sha256)
    return request(uow, dispatch, caller, DELETE_SAMPLE, {"sha256": sha256})


def reindex(
    uow: UnitOfWork,
    dispatch: Dispatch,
    caller: Caller,
    resource: str,
    window: Window,
    *,
    data_center: str = "all",
) -> ServiceTask:
    """Make anew what was derived of ``sample``, ``submission`` or ``all``."""
    arguments = {"resource": resource, "dataCenter": data_center, **arguments_of(window)}
    return request(uow, dispatch, caller, REINDEX, arguments)


def reanalyse(
    uow: UnitOfWork,
    dispatch: Dispatch,
    caller: Caller,
    window: Window,
    short_names: Sequence[str] | None = None,
) -> ServiceTask:
    """Analyse samples again: by the policy, or by these workers."""
    if short_names is not None:
        workers.ids_of(uow, short_names, "workers")
    arguments = {**arguments_of(window), "workers": short_names, "by": caller.user}
    return request(uow, dispatch, caller, REANALYSE, arguments)
