"""The names of the wire contract, each with its meaning."""

from __future__ import annotations

from enum import StrEnum


class JobState(StrEnum):
    """Where a job is (contract section 3.4)."""

    #: No job task has begun.
    enqueued = "enqueued"
    #: At least one job task has left ``enqueued``.
    executing = "executing"
    #: Every job task is final; the tasks tell success from failure.
    done = "done"
    #: The deadline passed with open job tasks.
    timeout = "timeout"


class JobTaskState(StrEnum):
    """Where one worker's step in a job is (contract section 3.3)."""

    #: Waiting for a worker.
    enqueued = "enqueued"
    #: A worker has taken it.
    executing = "executing"
    #: The worker finished; its analyses count.
    success = "success"
    #: The worker, or its sandbox, broke.
    failed = "failed"
    #: Somebody called it off; the verdict leaves it out.
    cancelled = "cancelled"
    #: The deadline passed. Never set by a client.
    timeout = "timeout"


class ServiceTaskState(StrEnum):
    """Where a maintenance run is (contract section 11)."""

    pending = "pending"
    running = "running"
    #: Its own part is done, those of its subtasks are not.
    waiting_for_subtasks = "waitingForSubtasks"
    done = "done"
    failed = "failed"
    aborted = "aborted"


class Tlp(StrEnum):
    """Traffic Light Protocol 2.0 (FIRST). ``white`` of version 1 is an alias of ``clear``."""

    red = "red"
    amber = "amber"
    green = "green"
    clear = "clear"

    @classmethod
    def _missing_(cls, value: object) -> Tlp | None:
        return cls.clear if value == "white" else None


class Role(StrEnum):
    """What a key may do (contract section 1.5)."""

    #: Read everything about samples, download them.
    viewer = "SAMPLEDB-VIEWER"
    #: Upload samples and submit them.
    uploader = "SAMPLEDB-UPLOADER"
    #: Viewer and uploader.
    user = "SAMPLEDB-USER"
    #: User; adds analyses, evidence, links, facts, verdicts; drives job tasks.
    analyzer = "SAMPLEDB-ANALYZER"
    #: Everything: registry, policy, rules, deletion, every customer's objects.
    administrator = "ADMINISTRATOR-ROLE"

    @property
    def grants(self) -> frozenset[Role]:
        """The roles that this one includes, itself among them."""
        return _GRANTS[self]


_BASIC = frozenset({Role.viewer, Role.uploader})
_GRANTS: dict[Role, frozenset[Role]] = {
    Role.viewer: frozenset({Role.viewer}),
    Role.uploader: frozenset({Role.uploader}),
    Role.user: _BASIC | {Role.user},
    Role.analyzer: _BASIC | {Role.user, Role.analyzer},
    Role.administrator: frozenset(Role),
}


class LinkType(StrEnum):
    """How a sample relates to the one that it refers to."""

    parent = "parent"
    child = "child"
    downloads = "downloads"
    loads = "loads"
    executes = "executes"


class StatusOverride(StrEnum):
    """A judgement that stands above the score."""

    malicious = "malicious"
    benign = "benign"


class SubjectKind(StrEnum):
    """Who can be granted access."""

    user = "user"
    group = "group"


#: A verdict's score from which on a sample counts as malicious, and as suspicious (the workers' own scale).
MALICIOUS = 70
SUSPICIOUS = 30
