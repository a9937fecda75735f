"""A store as the first release left it: rows written by column, knowing nothing of today's tables."""

from __future__ import annotations

import hashlib
import json
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine

#: The text of the key that the store knows, an administrator's.
KEY = "a key of the first release"
SHA256 = hashlib.sha256(b"first").hexdigest()
MADE = 1_700_000_000_000

SUBMISSION, JOB, ANALYSIS, EVIDENCE, VERDICT, LINK, FACT, CLASSIFICATION, WORKER, RULE, RUN = (
    UUID(int=number) for number in range(1, 12)
)
FINISHED, WAITING = UUID(int=21), UUID(int=22)

_AGENT: dict[str, Any] = {"user_agent_name": "hashes", "user_agent_version": "1.0"}
_OWNED: dict[str, Any] = {"sample_sha256": SHA256, "user_id": 1, "created_at": MADE, **_AGENT}
_STEP: dict[str, Any] = {
    "job_id": JOB,
    "attempt": 1,
    "priority": 5,
    "celery": True,
    "enqueued_at": MADE,
    "due_at": MADE,
    "published_at": MADE,
    "deadline_at": 4_000_000_000_000,
}

ROWS: list[tuple[str, dict[str, Any]]] = [
    ("customer", {"id": 1, "short_name": "default", "name": "default", "created_at": MADE}),
    (
        "subject",
        {
            "id": 1,
            "kind": "user",
            "short_name": "assay",
            "name": "assay",
            "customer_id": 1,
            "created_at": MADE,
        },
    ),
    (
        "api_key",
        {
            "id": UUID(int=31),
            "digest": hashlib.sha256(KEY.encode()).hexdigest(),
            "name": "assay",
            "role": "ADMINISTRATOR-ROLE",
            "user_id": 1,
            "created_at": MADE,
        },
    ),
    (
        "sample",
        {
            "sha256": SHA256,
            "sha512": hashlib.sha512(b"first").hexdigest(),
            "sha1": hashlib.sha1(b"first", usedforsecurity=False).hexdigest(),
            "md5": hashlib.md5(b"first", usedforsecurity=False).hexdigest(),
            "size": 5,
            "created_at": MADE,
            "first_submitted_at": MADE,
            "last_submitted_at": MADE,
            "latest_classification_id": CLASSIFICATION,
            "latest_verdict_id": VERDICT,
            "search": SHA256,
        },
    ),
    (
        "submission",
        {
            "id": SUBMISSION,
            "sample_sha256": SHA256,
            "customer_id": 1,
            "user_id": 1,
            "file_name": "first.bin",
            "mime_type": "application/octet-stream",
            "meta_data": {"case": "7"},
            "tlp": "amber",
            "observed_at": MADE,
            "submitted_at": MADE,
            "flags": [],
            "search": "first.bin",
            **_AGENT,
        },
    ),
    (
        "job",
        {
            "id": JOB,
            "customer_id": 1,
            "sample_sha256": SHA256,
            "submission_id": SUBMISSION,
            "state": "executing",
            "priority": 5,
            "options": {},
            "depth": 0,
            "pending_workers": [],
            "judged": True,
            "enqueued_at": MADE,
            "start_at": MADE,
            "deadline_at": 4_000_000_000_000,
        },
    ),
    (
        "job_task",
        {"id": FINISHED, "worker": "hashes", "state": "success", "start_at": MADE, "end_at": MADE, **_STEP},
    ),
    ("job_task", {"id": WAITING, "worker": "yara", "state": "enqueued", **_STEP}),
    (
        "job_task_event",
        {
            "id": 1,
            "job_task_id": FINISHED,
            "attempt": 1,
            "target": "success",
            "at": MADE,
            "actor": "recorder",
            "by": "host:1",
        },
    ),
    (
        "analysis",
        {
            "id": ANALYSIS,
            "job_id": JOB,
            "recorded_for": FINISHED,
            "customer_id": 1,
            "score": 90,
            "result": {"entropy": 7.5},
            "tlp": "amber",
            "detections": [],
            "tags": [],
            "with_internet": False,
            "has_evidence": True,
            "search": "hashes",
            **_OWNED,
        },
    ),
    ("job_task_analysis", {"job_task_id": FINISHED, "analysis_id": ANALYSIS, "position": 0}),
    (
        "evidence",
        {
            "id": EVIDENCE,
            "analysis_id": ANALYSIS,
            "file_name": "macro.txt",
            "mime_type": "text/plain",
            "size": 3,
            "checksum": hashlib.sha256(b"abc").hexdigest(),
            "internal": False,
            "potentially_malicious": False,
            "user_id": 1,
            "created_at": MADE,
        },
    ),
    (
        "verdict",
        {
            "id": VERDICT,
            "sample_sha256": SHA256,
            "job_id": JOB,
            "score": 80,
            "manual": False,
            "contradicting": False,
            "triggered_detections": 0,
            "tags": [],
            "analyses": [],
            "created_at": MADE,
            "search": "",
        },
    ),
    (
        "link",
        {
            "id": LINK,
            "reference": "0" * 64,
            "type": "child",
            "tlp": "amber",
            "customer_id": 1,
            "search": "child",
            **_OWNED,
        },
    ),
    ("static_fact", {"id": FACT, "key": "k", "value": "v", "search": "k v", **_OWNED}),
    (
        "classification",
        {
            "id": CLASSIFICATION,
            "sample_sha256": SHA256,
            "type": "text",
            "super_type": "document",
            "arch": "",
            "platform": "",
            "version": "1",
            "meta_data": {},
            "created_at": MADE,
            "search": "text",
        },
    ),
    (
        "analysis_worker",
        {
            "id": WORKER,
            "short_name": "hashes",
            "localized_names": {"en": "Hashes"},
            "localized_descriptions": {"en": "Hashes"},
            "version": "1.0",
            "accepts": [],
            "classifies": False,
            "celery": True,
            "created_at": MADE,
        },
    ),
    (
        "rule",
        {
            "id": RULE,
            "name": "all",
            "description": "all",
            "match": {},
            "action": {},
            "created_at": MADE,
            "created_by_id": 1,
        },
    ),
    (
        "service_task",
        {
            "id": RUN,
            "correlation_id": RUN,
            "root_id": RUN,
            "operation": "reindex",
            "state": "done",
            "arguments": {"resource": "sample"},
            "created_at": MADE,
            "finished_at": MADE,
            "created_by_id": 1,
            "flags": [],
            "response_context": {"done": "1"},
            "response_messages": [],
            "attempt": 0,
            "cursor": {},
        },
    ),
    (
        "audit_entry",
        {"id": 1, "at": MADE, "user": "assay", "action": "made", "object": "the store", "detail": {}},
    ),
]


def _spelled(value: Any) -> Any:
    if isinstance(value, UUID):
        return value.hex
    return json.dumps(value) if isinstance(value, dict | list) else value


def _insert(connection: Connection, table: str, row: dict[str, Any]) -> None:
    mark = "%({})s" if connection.dialect.name == "postgresql" else ":{}"
    names = ", ".join(f'"{name}"' for name in row)
    marks = ", ".join(mark.format(name) for name in row)
    values = {name: _spelled(value) for name, value in row.items()}
    connection.exec_driver_sql(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', values)


def fill(engine: Engine) -> None:
    """Write every row into a store of the first revision."""
    with engine.begin() as connection:
        for table, row in ROWS:
            _insert(connection, table, row)
        if connection.dialect.name == "postgresql":
            for table in ("customer", "subject", "job_task_event", "audit_entry"):
                connection.exec_driver_sql(f"SELECT setval('{table}_id_seq', 1)")
