"""Tracing by OpenTelemetry's SDK. Only :func:`orchestrator.tracing.configure` imports it: it is an extra."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from importlib.metadata import version
from typing import Any
from uuid import UUID

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, TraceFlags

from orchestrator.tracing import Value

#: A longer statement is cut, in characters.
_STATEMENT = 2000
_HALF = (1 << 64) - 1
#: What marks a job's id, in its bits 76 and 62 (``domain/ids.py``).
_VERSION, _VARIANT = 0x7, 0x2
#: What is asked every few seconds says nothing of a job.
_QUIET = r"/(health|ready|metrics)$"
_KEY = re.compile(r"/[0-9a-f-]{32,}")


class _Ids(RandomIdGenerator):
    """Random ids, but those of the job for a job's first span."""

    def __init__(self) -> None:
        self._of = threading.local()

    @contextmanager
    def of(self, job_id: UUID) -> Iterator[None]:
        self._of.job = job_id.int
        try:
            yield
        finally:
            del self._of.job

    def generate_trace_id(self) -> int:
        return getattr(self._of, "job", 0) or super().generate_trace_id()

    def generate_span_id(self) -> int:
        return (getattr(self._of, "job", 0) & _HALF) or super().generate_span_id()


class _Even(Sampler):
    """Samplers of a share go by an id's last 64 bits: of a job's, the first two are always the same."""

    def __init__(self, sampler: Sampler) -> None:
        self._sampler = sampler

    def should_sample(
        self, parent_context: Context | None, trace_id: int, *arguments: Any, **options: Any
    ) -> SamplingResult:
        if trace_id >> 76 & 0xF == _VERSION and trace_id >> 62 & 0b11 == _VARIANT:
            trace_id <<= 2
        return self._sampler.should_sample(parent_context, trace_id, *arguments, **options)

    def get_description(self) -> str:
        return self._sampler.get_description()


class _Noted:
    """A span that is open, and the jobs that it is for."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span
        self.jobs: list[tuple[UUID, dict[str, Value]]] = []

    def set(self, **attributes: Value) -> None:
        self._span.set_attributes(_named(attributes))

    def job(self, job_id: UUID, **attributes: Value) -> None:
        self.jobs.append((job_id, attributes))


class OtelTracer:
    """A :class:`~orchestrator.tracing.Tracer` that gives its spans to a processor of the SDK."""

    def __init__(self, part: str, processor: SpanProcessor) -> None:
        defaults = Resource.create({SERVICE_NAME: f"assay-{part}", SERVICE_VERSION: version("assay")})
        self._ids = _Ids()
        self._provider = TracerProvider(
            # what the variables say wins
            resource=defaults.merge(OTELResourceDetector().detect()),
            id_generator=self._ids,
        )
        self._provider.sampler = _Even(self._provider.sampler)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("assay", version("assay"))

    @contextmanager
    def span(self, name: str, job_id: UUID | None, attributes: dict[str, Value]) -> Iterator[_Noted]:
        start = time.time_ns()
        within = None if job_id is None else self._within(job_id)
        with self._tracer.start_as_current_span(name, within, attributes=_named(attributes)) as span:
            noted = _Noted(span)
            yield noted
        end = time.time_ns()
        for key, more in noted.jobs:
            self._tell(name, self._within(key), start, end, more, [Link(span.get_span_context())])

    def past(
        self, name: str, job_id: UUID, start: datetime, end: datetime, attributes: dict[str, Value]
    ) -> None:
        self._tell(name, self._within(job_id), _ns(start), _ns(end), attributes)

    def ended(self, job_id: UUID, at: datetime, attributes: dict[str, Value]) -> None:
        # the first 48 bits of an id count the milliseconds since 1970
        start = (job_id.int >> 80) * 1_000_000
        with self._ids.of(job_id):
            self._tell("job", Context(), start, _ns(at), {"job.id": str(job_id), **attributes})

    def submitted(self, job_id: UUID) -> None:
        request = trace.get_current_span()
        if not isinstance(request, ReadableSpan) or not request.is_recording():
            return
        request.set_attribute("assay.job.id", str(job_id))
        request.add_link(self._context(job_id))
        start, end = request.start_time or time.time_ns(), time.time_ns()
        self._tell("submission", self._within(job_id), start, end, {}, [Link(request.get_span_context())])

    def statement(self, text: str, system: str, start: int) -> None:
        if trace.get_current_span().is_recording():
            verb = text.split(None, 1)[0].upper() if text.strip() else "SQL"
            span = self._tracer.start_span(
                verb,
                kind=SpanKind.CLIENT,
                start_time=start,
                attributes={"db.system.name": system, "db.query.text": text[:_STATEMENT]},
            )
            span.end()

    def middleware(self) -> tuple[Any, dict[str, Any]]:
        return OpenTelemetryMiddleware, {
            "tracer_provider": self._provider,
            "exclude_spans": ["receive", "send"],
            "excluded_urls": _QUIET,
            "default_span_details": _request,
        }

    def close(self) -> None:
        self._provider.shutdown()

    def _tell(
        self,
        name: str,
        within: Context,
        start: int,
        end: int,
        attributes: Mapping[str, Value],
        links: list[Link] | None = None,
    ) -> None:
        span = self._tracer.start_span(
            name, within, attributes=_named(attributes), links=links, start_time=start
        )
        # clocks of two machines may differ
        span.end(max(start, end))

    def _within(self, job_id: UUID) -> Context:
        return trace.set_span_in_context(NonRecordingSpan(self._context(job_id)), Context())

    def _context(self, job_id: UUID) -> SpanContext:
        """The job's first span. The sampler decides by the trace's id, so that all processes agree."""
        decision = self._provider.sampler.should_sample(None, job_id.int, "job").decision
        sampled = decision is Decision.RECORD_AND_SAMPLE
        flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
        return SpanContext(job_id.int, job_id.int & _HALF, is_remote=True, trace_flags=flags)


def exporting(part: str) -> OtelTracer:
    """A tracer that sends to where the standard variables say, in a thread of its own."""
    return OtelTracer(part, BatchSpanProcessor(OTLPSpanExporter()))


def _request(scope: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """A name that requests for different objects share, so that a list of names stays short."""
    return f"{scope.get('method', 'WS')} {_KEY.sub('/{id}', scope['path'])}", {}


def _named(attributes: Mapping[str, Value]) -> dict[str, str | int | float | bool]:
    return {f"assay.{name}": value for name, value in attributes.items() if value is not None}


def _ns(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000_000)
