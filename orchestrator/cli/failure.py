"""How a command ends: one line that says what is wrong and what to do next, and an exit status.

======  ==================================================================
status  meaning
======  ==================================================================
0       it worked, and everything waited for succeeded
1       it ran, but not all is well: a job task failed, a check failed, refused
2       wrong usage, or a wrong setting
3       the service or a store cannot be reached, or cannot serve now
4       no key, a wrong key, or a key without the right
5       no such object or file
130     interrupted
======  ==================================================================
"""

from __future__ import annotations

from enum import IntEnum

from orchestrator.errors import AssayError, Denied, NotFound, SettingsError, Unauthenticated, Unavailable


class Status(IntEnum):
    """Exit statuses."""

    ok = 0
    failed = 1
    usage = 2
    unreachable = 3
    denied = 4
    missing = 5


class Failure(Exception):
    """Ends the command with one line on standard error."""

    def __init__(self, message: str, status: Status = Status.failed) -> None:
        super().__init__(message)
        self.status = status


_STATUS: dict[type[AssayError], Status] = {
    SettingsError: Status.usage,
    Unauthenticated: Status.denied,
    Denied: Status.denied,
    NotFound: Status.missing,
    Unavailable: Status.unreachable,
}


def status_of(error: AssayError) -> Status:
    """The exit status for one of Assay's own errors."""
    return next((status for kind, status in _STATUS.items() if isinstance(error, kind)), Status.failed)
