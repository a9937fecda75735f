"""What a running process has at hand; made by ``bootstrap``, handed to whoever serves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.domain.messages import Dispatch, Resend
from orchestrator.settings import Settings
from orchestrator.store.blobs import Blobs
from orchestrator.store.hot import HotReads
from orchestrator.store.unit_of_work import Begin


@dataclass(frozen=True, slots=True)
class Application:
    """Settings, the store, the blobs, and the way to the broker."""

    settings: Settings
    begin: Begin
    blobs: Blobs
    dispatch: Dispatch
    resend: Resend
    reads: HotReads
    #: Raises :class:`~orchestrator.errors.Unavailable` where the broker cannot be reached.
    check_broker: Callable[[], None]
    #: Sends what is left to send, and lets go of every connection.
    close: Callable[[], None]
