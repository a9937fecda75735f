"""What the recorder is told: a job task's move to another state, and what was found on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from orchestrator.domain.lifecycle import Actor
from orchestrator.domain.vocabulary import JobTaskState, LinkType, StatusOverride

#: No retry waits longer than this, in seconds.
LONGEST_BACKOFF = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvidence:
    """A file that an analysis produced; its bytes are in the blob store already."""

    file_name: str
    mime_type: str
    size: int
    checksum: str
    internal: bool = False
    potentially_malicious: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NewChild:
    """A file found inside the sample; its bytes are in the blob store already."""

    sha256: str
    sha512: str
    sha1: str
    md5: str
    size: int
    file_name: str = ""
    relation: LinkType = LinkType.child


@dataclass(frozen=True, slots=True, kw_only=True)
class NewClassification:
    """What kind of file the sample is, in the worker's judgement."""

    type: str
    super_type: str
    arch: str = ""
    platform: str = ""
    meta_data: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAnalysis:
    """A worker's findings over the job's sample, to be stored with the transition, once."""

    user_agent_name: str
    user_agent_version: str
    score: int
    result: Any = field(default_factory=dict)
    #: ``{"name": …, "assessment": …}``
    detections: Sequence[Mapping[str, str]] = ()
    #: ``{"type": …, "value": …}``
    tags: Sequence[Mapping[str, str]] = ()
    possible_detections: int | None = None
    verdict_status_override: StatusOverride | None = None
    with_internet: bool = False
    evidence: Sequence[NewEvidence] = ()
    children: Sequence[NewChild] = ()
    #: static facts, key and value
    facts: Sequence[tuple[str, str]] = ()
    classification: NewClassification | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """A job task's move to ``target``, wished by ``actor``; whether it happens, the state machine decides.

    ``attempt`` is the one that the move is about: a stale one is refused. None means the current one.
    Times that are left out are drawn from the row.
    """

    job_task_id: UUID
    target: JobTaskState
    actor: Actor
    at: datetime
    attempt: int | None = None
    message: str | None = None
    #: Who exactly: a user's short name, or the worker process's host and pid.
    by: str | None = None
    #: Why, in one word.
    cause: str | None = None
    host: str | None = None
    worker_version: str | None = None
    process_id: UUID | None = None
    waited_ms: int | None = None
    ran_ms: int | None = None
    #: Analyses that exist already, to attach.
    analyses: Sequence[UUID] = ()
    findings: NewAnalysis | None = None
    #: Not to be published again before this moment, where the target is ``enqueued``.
    due_at: datetime | None = None
