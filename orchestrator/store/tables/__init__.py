"""The tables, one module per resource."""

from orchestrator.store.tables.access import AccessGrant, ApiKey, Customer, GroupMember, Subject, WebSession
from orchestrator.store.tables.analyses import Analysis, Evidence, Verdict
from orchestrator.store.tables.base import Base
from orchestrator.store.tables.jobs import (
    Job,
    JobTask,
    JobTaskAnalysis,
    JobTaskEvent,
    Outbox,
    SetAside,
    WorkerProcess,
)
from orchestrator.store.tables.maintenance import AuditEntry, ServiceTask
from orchestrator.store.tables.policy import POLICY_ID, Policy, RegisteredWorker, Rule
from orchestrator.store.tables.samples import (
    Challenge,
    SampleClassification,
    SampleLink,
    SampleRow,
    StaticFact,
    Submission,
)
from orchestrator.store.tables.webhooks import DeliveryState, Webhook, WebhookCursor, WebhookDelivery

__all__ = [
    "POLICY_ID",
    "AccessGrant",
    "Analysis",
    "ApiKey",
    "AuditEntry",
    "Base",
    "Challenge",
    "Customer",
    "DeliveryState",
    "Evidence",
    "GroupMember",
    "Job",
    "JobTask",
    "JobTaskAnalysis",
    "JobTaskEvent",
    "Outbox",
    "Policy",
    "RegisteredWorker",
    "Rule",
    "SampleClassification",
    "SampleLink",
    "SampleRow",
    "ServiceTask",
    "SetAside",
    "StaticFact",
    "Subject",
    "Submission",
    "Verdict",
    "WebSession",
    "Webhook",
    "WebhookCursor",
    "WebhookDelivery",
    "WorkerProcess",
]
