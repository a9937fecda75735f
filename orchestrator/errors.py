"""What can go wrong, as one tree. What HTTP makes of it stands in ``api/problems.py`` alone.

::

    AssayError
    ├── SettingsError       a setting stops the start
    ├── Unauthenticated     no key, or none that is known
    ├── Denied              a known key without the right
    ├── NotFound            no such object
    ├── Invalid             a value breaks a rule; names the field
    ├── Refused             the state of an object forbids the action
    ├── TooSmall            a sample too small for a challenge
    ├── TooMany             wrong keys, too many of them
    ├── TooSlow             a body that does not arrive
    └── Unavailable         a store, broker or queue cannot serve now
"""

from __future__ import annotations


class AssayError(Exception):
    """Any error of Assay's own."""


class SettingsError(AssayError):
    """A setting is wrong; the message is one line that names it."""


class Unauthenticated(AssayError):
    """The request has no API key, or one that is unknown, revoked or expired."""


class Denied(AssayError):
    """The key is known, but does not grant this function or this object."""


class NotFound(AssayError):
    """No object of this kind has this id."""

    def __init__(self, kind: str, key: object) -> None:
        super().__init__(f"{kind} {key} does not exist")
        self.kind = kind
        self.key = str(key)


class Invalid(AssayError):
    """A value breaks a rule of the contract; ``field`` is its name on the wire."""

    def __init__(self, field: str, message: str, template: str = "invalid.value") -> None:
        super().__init__(message)
        self.field = field
        self.template = template


class Refused(AssayError):
    """The object's state forbids the action; nothing was changed."""


class TooSmall(AssayError):
    """The sample is too small to prove possession of by a challenge (contract section 5.1)."""


class TooMany(AssayError):
    """Too many wrong keys came from there; none is looked at for ``retry_after`` s."""

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class TooSlow(AssayError):
    """The request's body did not arrive in time; nothing of it was kept."""


class Unavailable(AssayError):
    """A part that the service depends on cannot serve now; trying again in ``retry_after`` s may help."""

    def __init__(self, message: str, retry_after: int = 5) -> None:
        super().__init__(message)
        self.retry_after = retry_after
