"""Traces for OpenTelemetry: a job is one trace, and the job's id is the trace's.

Whoever knows a job's id can add to its trace, so that no column and no message header carries it, and what
the sweep sends again, or the attempt after a lost process, lands in the same trace. What is done for many
jobs at once, such as a commit, is a trace of its own, and stands in each job's trace with a link to it.

Nothing of OpenTelemetry is imported, and everything here does nothing, until :func:`configure` is told by the
standard variables where to send traces.
"""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from datetime import datetime
from types import TracebackType
from typing import Any, Protocol
from uuid import UUID

import structlog

#: What an attribute's value may be; None leaves it out.
Value = str | int | float | bool | None

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")

log = structlog.get_logger(__name__)


class Span(Protocol):
    """What goes on between entering and leaving :func:`span`."""

    def set(self, **attributes: Value) -> None:
        """Say more of it."""

    def job(self, job_id: UUID, **attributes: Value) -> None:
        """It is done for this job as well: its trace gets a span of the same time, if this one succeeds."""


class Tracer(Protocol):
    """What does the work while tracing is on; the functions below say what each is for."""

    def span(
        self, name: str, job_id: UUID | None, attributes: dict[str, Value]
    ) -> AbstractContextManager[Span]: ...
    def past(
        self, name: str, job_id: UUID, start: datetime, end: datetime, attributes: dict[str, Value]
    ) -> None: ...
    def ended(self, job_id: UUID, at: datetime, attributes: dict[str, Value]) -> None: ...
    def submitted(self, job_id: UUID) -> None: ...
    def statement(self, text: str, system: str, start: int) -> None: ...
    def middleware(self) -> tuple[Any, dict[str, Any]]: ...
    def close(self) -> None: ...


class _Nothing:
    """The span of a process that does not trace."""

    def __enter__(self) -> Span:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing began."""

    def set(self, **attributes: Value) -> None:
        """Nobody listens."""

    def job(self, job_id: UUID, **attributes: Value) -> None:
        """Nobody listens."""


_NOTHING = _Nothing()
_tracer: Tracer | None = None


def wanted() -> bool:
    """Whether the standard variables ask for traces over OTLP."""
    return (
        os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() != "true"
        and os.environ.get("OTEL_TRACES_EXPORTER", "otlp").strip().lower() == "otlp"
        and any(os.environ.get(name, "").strip() for name in _ENDPOINTS)
    )


def configure(part: str) -> None:
    """Trace from now on, if that is wanted. Call it before the parts are made, and after any fork.

    ``part`` is the kind of process: the service is called ``assay-{part}``, or as ``OTEL_SERVICE_NAME`` says.
    """
    if not wanted():
        return
    protocols = [os.environ[name] for name in _PROTOCOLS if os.environ.get(name)]
    if protocols and protocols[0] != "http/protobuf":
        log.warning("no traces: only http/protobuf is spoken", action="tracing-off", protocol=protocols[0])
        return
    try:
        from orchestrator.tracing.otel import exporting  # noqa: PLC0415 - an extra
    except ImportError as error:
        log.warning("no traces: the extra 'otel' is not installed", action="tracing-off", error=str(error))
        return
    use(exporting(part))


def use(tracer: Tracer | None) -> None:
    """Trace with this one from now on; None traces no more."""
    global _tracer  # noqa: PLW0603 - a process has one
    _tracer = tracer


def on() -> bool:
    """Whether this process traces."""
    return _tracer is not None


def span(name: str, job_id: UUID | None = None, **attributes: Value) -> AbstractContextManager[Span]:
    """A span around what is done in the block: in the job's trace, or else under the current span."""
    return _NOTHING if _tracer is None else _tracer.span(name, job_id, attributes)


def past(name: str, job_id: UUID, start: datetime, end: datetime, **attributes: Value) -> None:
    """Tell of something in the job's trace that is over."""
    if _tracer is not None:
        _tracer.past(name, job_id, start, end, attributes)


def ended(job_id: UUID, at: datetime, **attributes: Value) -> None:
    """The job is closed: the span around all of its trace, since the job's id was made."""
    if _tracer is not None:
        _tracer.ended(job_id, at, attributes)


def submitted(job_id: UUID) -> None:
    """The request that is being answered made this job: each of the two traces links to the other."""
    if _tracer is not None:
        _tracer.submitted(job_id)


def statement(text: str, system: str, start: int) -> None:
    """A database statement that began at ``start``, in ns since 1970; told only within another span."""
    if _tracer is not None:
        _tracer.statement(text, system, start)


def middleware() -> tuple[Any, dict[str, Any]] | None:
    """An ASGI middleware that makes a span of each request, with its arguments; None while tracing is off."""
    return None if _tracer is None else _tracer.middleware()


def close() -> None:
    """Send what was not sent yet, and trace no more."""
    tracer = _tracer
    use(None)
    if tracer is not None:
        tracer.close()
