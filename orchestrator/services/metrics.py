"""What Prometheus scrapes: the work that is open, who is there to do it, and the API's own requests.

The requests are those of this process; everything else is read from the store, so that every API process
tells the same.
"""

from __future__ import annotations

import threading
import time
from collections import Counter as Count
from collections.abc import Iterator
from datetime import timedelta

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from orchestrator.domain.clock import now
from orchestrator.domain.vocabulary import JobTaskState
from orchestrator.errors import Unavailable
from orchestrator.services.times import Times
from orchestrator.store import backlog
from orchestrator.store import metrics as store
from orchestrator.store.unit_of_work import Begin, UnitOfWork
from orchestrator.store.workers import processes_alive

#: However many scrape: the store is asked once in this long, in seconds.
MEMORY = 1.0

#: A client may name a method as it likes; each would be a series of its own.
_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
#: So many held job tasks are counted.
_MOST_HELD = 1_000_000
_STATES = (JobTaskState.enqueued, JobTaskState.executing)


class Metrics:
    """The metrics of one API process, in a registry of their own."""

    def __init__(self, begin: Begin, worker_lease: float, memory: float = MEMORY) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "assay_http_requests",
            "Requests that this process answered.",
            ["method", "status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "assay_http_request_duration_seconds",
            "Time until the answer began.",
            ["method"],
            registry=self._registry,
        )
        self._registry.register(_Stored(begin, timedelta(seconds=worker_lease), memory))
        self._registry.register(Times(begin, memory))

    def request(self, method: str, status: int, seconds: float) -> None:
        """Count a request that is being answered."""
        method = method if method in _METHODS else "other"
        self._requests.labels(method, f"{status // 100}xx").inc()
        self._seconds.labels(method).observe(seconds)

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """Everything in a format that the ``Accept`` header asks for, and that format's content type."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type


class _Stored(Collector):
    """Reads the store when it is scraped."""

    def __init__(self, begin: Begin, lease: timedelta, memory: float) -> None:
        self._begin = begin
        self._lease = lease
        self._memory = memory
        self._lock = threading.Lock()
        self._until = 0.0
        self._known: list[Metric] = []

    def describe(self) -> list[Metric]:
        """Nothing: what the names are is not worth a query."""
        return []

    def collect(self) -> list[Metric]:
        """The gauges; of a store that is away, only that it is."""
        with self._lock:
            if time.monotonic() >= self._until:
                self._known = self._read()
                self._until = time.monotonic() + self._memory
            return self._known

    def _read(self) -> list[Metric]:
        try:
            with self._begin(write=False) as uow:
                found = [*_work(uow, self._lease), *_messages(uow), *_webhooks(uow)]
        except Unavailable:
            found = []
        up = _gauge("assay_database_up", "Whether the database answers.", float(bool(found)))
        return [up, *found]


def _work(uow: UnitOfWork, lease: timedelta) -> Iterator[Metric]:
    at = now()
    processes = processes_alive(uow.session, at - lease)
    serving = Count(name for process in processes for name in process.workers)
    rows = {(row.worker, row.state): row for row in store.open_job_tasks(uow.session)}
    workers = sorted({*serving, *(worker for worker, _ in rows)})
    job_tasks = GaugeMetricFamily("assay_job_tasks", "Open job tasks.", labels=["worker", "state"])
    age = GaugeMetricFamily(
        "assay_oldest_enqueued_job_task_age_seconds",
        "How long the oldest enqueued job task of a worker has been waiting; 0: none waits.",
        labels=["worker"],
    )
    served = GaugeMetricFamily(
        "assay_serving_processes", "Live worker processes that serve a worker.", labels=["worker"]
    )
    unserved = GaugeMetricFamily(
        "assay_unserved_job_tasks",
        "Enqueued job tasks whose worker no live process serves.",
        labels=["worker"],
    )
    held = GaugeMetricFamily(
        "assay_held_job_tasks",
        "Enqueued job tasks that wait in the store for their customer's turn.",
        labels=["worker"],
    )
    beyond = backlog.held(uow.session, _MOST_HELD)
    for worker in workers:
        held.add_metric([worker], beyond.get(worker, 0))
        for state in _STATES:
            row = rows.get((worker, state))
            job_tasks.add_metric([worker, state.value], row.number if row else 0)
        waiting = rows.get((worker, JobTaskState.enqueued))
        age.add_metric([worker], max(0.0, (at - waiting.oldest).total_seconds()) if waiting else 0.0)
        served.add_metric([worker], serving[worker])
        unserved.add_metric([worker], waiting.celery if waiting and not serving[worker] else 0)
    yield from (job_tasks, age, served, unserved, held)
    yield _gauge("assay_worker_processes", "Live worker processes.", len(processes))


def _messages(uow: UnitOfWork) -> Iterator[Metric]:
    yield _gauge(
        "assay_unpublished_job_tasks",
        "Job tasks that are due and whose message was not sent yet.",
        store.unpublished(uow.session, now()),
    )
    yield _gauge(
        "assay_set_aside_messages",
        "Messages that no worker could make sense of, not replayed.",
        store.set_aside(uow.session),
    )


def _webhooks(uow: UnitOfWork) -> Iterator[Metric]:
    yield _gauge(
        "assay_pending_webhook_deliveries",
        "Events on their way to webhooks.",
        store.pending_deliveries(uow.session),
    )
    states = Count[str]()
    for row in store.webhooks(uow.session):
        states["off" if not row.active else "failing" if row.failing else "on"] += row.number
    webhooks = GaugeMetricFamily("assay_webhooks", "Webhooks by how they are.", labels=["state"])
    for state in ("on", "failing", "off"):
        webhooks.add_metric([state], states[state])
    yield webhooks


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)
