"""What a run in the sandbox can come to, and how strong the sandbox is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from orchestrator.worker import Findings


class Level(StrEnum):
    """How a run is confined, strongest first; levels compare by strength."""

    #: ``bwrap`` builds the outer wall: file system, processes; the rest as in ``namespaces``
    bwrap = "bwrap"
    #: user, mount, process, network and IPC namespaces made from Python, then all of ``landlock``
    namespaces = "namespaces"
    #: Landlock rules for files, TCP and signals, then all of ``rlimits``
    landlock = "landlock"
    #: limits, a system call filter and, for root, a user of its own; files of the same user stay readable
    rlimits = "rlimits"

    @property
    def strength(self) -> int:
        """4 for the strongest, 1 for the weakest."""
        return len(Level) - list(Level).index(self)

    @property
    def walled(self) -> bool:
        """Whether a run sees a file system of its own."""
        return self in {Level.bwrap, Level.namespaces}

    def __lt__(self, other: str) -> bool:
        return self.strength < Level(other).strength

    def __le__(self, other: str) -> bool:
        return self.strength <= Level(other).strength

    def __gt__(self, other: str) -> bool:
        return self.strength > Level(other).strength

    def __ge__(self, other: str) -> bool:
        return self.strength >= Level(other).strength


class Ending(StrEnum):
    """How a run ended."""

    #: the worker returned findings
    finished = "finished"
    #: the worker said that the sample is not for it
    nothing = "nothing"
    #: the worker asked to be tried again later
    temporary = "temporary"
    #: the worker raised, or what it returned is not acceptable
    failed = "failed"
    #: a signal or want of memory ended the child, or the fork server died under it
    crashed = "crashed"
    #: wall-clock or CPU time ran out
    timeout = "timeout"
    #: the caller asked for the end
    cancelled = "cancelled"
    #: more output than allowed, or this machine's level is below the one asked for
    refused = "refused"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of one run. ``findings`` is there only if it finished; ``peak_memory`` is in bytes."""

    ending: Ending
    message: str
    level: Level
    seconds: float
    findings: Findings | None = None
    peak_memory: int = 0


class SandboxUnavailable(RuntimeError):
    """This machine cannot run the sandbox at the level asked for."""
