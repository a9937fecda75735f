"""How long job tasks wait and run, as histograms by worker.

Counted from the history that is committed, since the process was first asked: however many processes serve
the API, each tells of all job tasks, so that one of them is to be looked at, and not their sum.
"""

from __future__ import annotations

import threading
import time
from itertools import chain

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from orchestrator.domain.events import Change
from orchestrator.domain.lifecycle import FINAL
from orchestrator.domain.vocabulary import JobTaskState
from orchestrator.errors import Unavailable
from orchestrator.services.events import Tail
from orchestrator.store.unit_of_work import Begin

_BUCKETS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600)
#: Pages of history that one scrape reads; what is beyond, the next one does.
_PAGES = 200


class Times(Collector):
    """Reads what was committed since the last scrape."""

    def __init__(self, begin: Begin, memory: float) -> None:
        self._begin = begin
        self._memory = memory
        self._lock = threading.Lock()
        self._until = 0.0
        self._tail: Tail | None = None
        own = CollectorRegistry()
        self._waited = Histogram(
            "assay_job_task_waiting_seconds",
            "From when a job task could begin until it did, since this process was first asked.",
            ["worker"],
            buckets=_BUCKETS,
            registry=own,
        )
        self._ran = Histogram(
            "assay_job_task_executing_seconds",
            "From a job task's beginning to its end, since this process was first asked.",
            ["worker", "state"],
            buckets=_BUCKETS,
            registry=own,
        )

    def describe(self) -> list[Metric]:
        """Nothing: what the names are is not worth a query."""
        return []

    def collect(self) -> list[Metric]:
        """The histograms, as they were where the store is away."""
        with self._lock:
            if time.monotonic() >= self._until:
                self._follow()
                self._until = time.monotonic() + self._memory
            return list(chain(self._waited.collect(), self._ran.collect()))

    def _follow(self) -> None:
        try:
            if self._tail is None:
                self._tail = Tail(self._begin)
            for _ in range(_PAGES):
                position = self._tail.position
                for change in self._tail.read():
                    self._count(change)
                if self._tail.position == position:
                    return
        except Unavailable:
            return

    def _count(self, change: Change) -> None:
        if change.target is JobTaskState.executing and change.source is JobTaskState.enqueued:
            self._waited.labels(change.worker).observe((change.waited_ms or 0) / 1000)
        elif change.target in FINAL and change.ran_ms is not None:
            self._ran.labels(change.worker, change.target.value).observe(change.ran_ms / 1000)
