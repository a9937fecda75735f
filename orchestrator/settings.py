"""Settings: ``ASSAY_…`` variables, or a file that ``ASSAY_CONFIG`` names (``.env`` syntax)."""

from __future__ import annotations

import os
import re
from functools import cached_property
from ipaddress import ip_network
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from orchestrator.errors import SettingsError

MEBIBYTE = 1024 * 1024
MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_BROKERS = (
    "redis://",
    "rediss://",
    "redis+socket://",
    "valkey://",
    "valkeys://",
    "amqp://",
    "amqps://",
    "memory://",
)
_DATABASES = ("sqlite:///", "postgresql://", "postgresql+psycopg://")
_BLOBS = ("file://", "s3://")


class Settings(BaseSettings):
    """Every setting, with its default. Sizes in bytes, times in seconds."""

    model_config = SettingsConfigDict(env_prefix="ASSAY_", extra="ignore", frozen=True)

    #: Where the embedded default keeps everything.
    data_dir: Path = Path("data")
    #: ``sqlite:///…`` or ``postgresql://…``; empty: SQLite in the data folder.
    database_url: str = ""
    #: ``redis://``, ``valkey://``, ``redis+socket://`` or ``amqp://``; empty: the embedded Valkey's socket.
    broker_url: str = ""
    #: ``file://…`` or ``s3://bucket/prefix``; empty: a folder in the data folder.
    blob_url: str = ""
    #: The S3 endpoint, where the blobs are there; empty: Amazon's own of the region.
    s3_endpoint: str = ""
    #: The region that the bucket is in.
    s3_region: str = "us-east-1"
    #: The S3 credentials: the key's id …
    s3_access_key: str = ""
    #: … and its secret.
    s3_secret_key: SecretStr = SecretStr("")

    #: The address that the API listens on.
    host: str = "127.0.0.1"
    #: Its port; 0 picks a free one.
    port: int = Field(8585, ge=0, le=65535)

    #: The largest sample accepted.
    max_sample_size: int = Field(512 * MEBIBYTE, ge=1)
    #: The largest evidence accepted.
    max_evidence_size: int = Field(128 * MEBIBYTE, ge=1)
    #: The largest JSON body accepted.
    max_json_size: int = Field(16 * MEBIBYTE, ge=1024)
    #: A request's body may pause for this long, and takes no longer than this and a second per KiB.
    body_timeout: float = Field(30.0, gt=0)
    #: This many wrong API keys a minute from one address, or of one beginning, are looked at; 0: all.
    key_failures_per_minute: int = Field(200, ge=0)
    #: Samples below this many bytes get no challenge (422).
    challenge_threshold: int = Field(1024, ge=1)
    #: For how long a challenge can be answered.
    challenge_lifetime: int = Field(HOUR, ge=1)
    #: A submission like one within this many seconds is answered 220 and not stored; 0: never.
    similar_submission_window: int = Field(0, ge=0)

    #: A job, and with it its job tasks, times out after this long.
    job_deadline: int = Field(HOUR, ge=1)
    #: The queue limit: this many open job tasks refuse new submissions with 503; 0: none.
    max_open_job_tasks: int = Field(0, ge=0)
    #: New samples and submissions are refused with 503 while the disk that keeps the embedded database or the
    #: blobs has fewer bytes free; 0: never.
    min_free_disk: int = Field(256 * MEBIBYTE, ge=0)
    #: So many messages of live work, and of bulk work, wait in the broker for each analysis worker; what is
    #: over waits in the store, where customers take turns. 0: everything goes to the broker at once.
    queue_window: int = Field(256, ge=0)
    #: A job task is tried this often when its worker is lost or says "temporary".
    max_attempts: int = Field(3, ge=1, le=100)
    #: How long the second attempt waits; each further one twice as long.
    retry_backoff: float = Field(5.0, ge=0)
    #: A worker process is lost when it has not been heard for this long.
    worker_lease: float = Field(15.0, ge=1)
    #: How often a worker process is heard.
    heartbeat_interval: float = Field(2.0, gt=0)
    #: How often the sweep runs.
    sweep_interval: float = Field(2.0, gt=0)
    #: What a crash left unpublished for this long, the sweep publishes.
    publish_grace: float = Field(3.0, ge=0)
    #: An enqueued job task whose message may be lost is published again after this long.
    republish_after: float = Field(5 * MINUTE, gt=0)
    #: A result of the same worker, version and options that is at most this many seconds old is linked
    #: instead of running the worker again; 0: never.
    reuse_window: int = Field(0, ge=0)

    #: Celery processes that ``assay up`` starts, and a worker's own share of the processor.
    worker_processes: int = Field(2, ge=1, le=256)
    #: Below this level of isolation no worker runs: bwrap, namespaces, landlock or rlimits.
    sandbox_minimum: Literal["bwrap", "namespaces", "landlock", "rlimits"] = "rlimits"
    #: A folder of YARA rules of the operator's own, on the worker's host.
    yara_rules_dir: str = ""
    #: A folder of ClamAV signatures of the operator's own, on the worker's host.
    clamav_signatures: str = ""
    #: A folder of capa rules of the operator's own, on the worker's host.
    capa_rules_dir: str = ""
    #: Extracted children become samples and jobs down to this depth …
    max_child_depth: int = Field(3, ge=0)
    #: … and up to this many per root.
    max_children: int = Field(100, ge=0)

    #: Update with no analysis on ``success`` is refused where true.
    strict_success: bool = False
    #: How long an answer to "reclassify" waits for the classifying worker; 0: not at all.
    reclassify_wait: float = Field(10.0, ge=0, le=25)
    #: Analyses are checked against the JSON schema that their worker registered.
    enforce_worker_schema: bool = False

    #: ``/metrics`` of the API, which asks for no key: keep it within the operator's own network.
    metrics_enabled: bool = True

    #: Days after which the sweep, or `assay db prune`, removes jobs that have ended, with their job tasks
    #: and history; analyses, verdicts and samples stay. 0: never.
    keep_jobs_days: int = Field(0, ge=0)
    #: Days that the history of ended job tasks is kept; timelines are drawn from it. 0: for ever.
    keep_history_days: int = Field(0, ge=0)
    #: Days that the audit log is kept; 0: for ever.
    keep_audit_days: int = Field(0, ge=0)
    #: Days that service tasks are kept once they have ended; 0: for ever.
    keep_service_tasks_days: int = Field(0, ge=0)
    #: Networks beside the public ones that webhooks may go to, with commas between them: ``10.20.0.0/16``.
    webhook_networks: str = ""
    #: How long a delivery is tried, and how long a webhook may fail before it is switched off.
    webhook_patience: int = Field(3 * DAY, ge=0)

    #: The least important log lines that are written.
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    #: Log lines for people, or one JSON object each.
    log_format: Literal["console", "json"] = "console"

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str) -> str:
        return _one_of(value, _DATABASES)

    @field_validator("broker_url")
    @classmethod
    def _known_broker(cls, value: str) -> str:
        return _one_of(value, _BROKERS)

    @field_validator("blob_url")
    @classmethod
    def _known_blobs(cls, value: str) -> str:
        return _one_of(value, _BLOBS)

    @field_validator("webhook_networks")
    @classmethod
    def _known_networks(cls, value: str) -> str:
        for each in filter(None, map(str.strip, value.split(","))):
            ip_network(each)
        return value

    @cached_property
    def folder(self) -> Path:
        """The data folder, absolute."""
        return self.data_dir.expanduser().absolute()

    @property
    def worker_options(self) -> dict[str, str]:
        """Options that every worker of this host gets, where the policy sets no others: readable paths."""
        given = {
            "yara.rules_dir": self.yara_rules_dir,
            "clamav.signatures": self.clamav_signatures,
            "capa.rules_dir": self.capa_rules_dir,
        }
        return {name: value for name, value in given.items() if value}

    @property
    def broker_socket(self) -> Path:
        """Where the embedded Valkey listens."""
        return self.folder / "run" / "valkey.sock"

    @property
    def database(self) -> str:
        """The database in effect, as SQLAlchemy spells it."""
        url = self.database_url or f"sqlite:///{self.folder / 'assay.sqlite3'}"
        return url.replace("postgresql://", "postgresql+psycopg://", 1)

    @property
    def broker(self) -> str:
        """The broker in effect, as kombu spells it."""
        return self.broker_url or f"redis+socket://{self.broker_socket}"

    @property
    def blobs(self) -> str:
        """The blob store in effect."""
        return self.blob_url or f"file://{self.folder / 'blobs'}"


def _one_of(value: str, schemes: tuple[str, ...]) -> str:
    if value and not value.startswith(schemes):
        raise ValueError(f"must begin with one of {', '.join(schemes)}")
    return value


def load(**overrides: object) -> Settings:
    """The settings of this process; :class:`SettingsError`, in one line, where one is wrong."""
    file = os.environ.get("ASSAY_CONFIG")
    if file and not Path(file).is_file():
        raise SettingsError(f"ASSAY_CONFIG: {file} is not a file")
    try:
        return Settings(_env_file=file, **overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        name = "ASSAY_" + "_".join(str(part) for part in first["loc"]).upper()
        message = first["msg"].removeprefix("Value error, ")
        # what stands before the @ of a URL may be a password
        value = re.sub(r"(?<=://)[^/@]*@", "…@", repr(first["input"]))
        raise SettingsError(f"{name}={value}: {message}") from None
