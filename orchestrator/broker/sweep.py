"""The sweep as a process or thread of its own: a round, a pause, until it is told to end."""

from __future__ import annotations

import threading

import structlog
from kombu import Connection

from orchestrator.broker.app import connection
from orchestrator.broker.dispatch import BROKER_ERRORS, Publisher
from orchestrator.broker.releasing import Releaser
from orchestrator.broker.wire import declaration, is_amqp, queue_name
from orchestrator.errors import AssayError
from orchestrator.services.sweeping import SweepReport, sweep_once
from orchestrator.services.watching import Watch
from orchestrator.settings import Settings
from orchestrator.store.unit_of_work import Begin

log = structlog.get_logger(__name__)


class Sweeper:
    """Sweeps again and again. What is away now is tried again in the next round."""

    def __init__(self, settings: Settings, begin: Begin) -> None:
        self._settings = settings
        self._begin = begin
        self._publisher = Publisher(settings, begin)
        self._watch = Watch(settings.worker_lease, settings.job_deadline)
        self._depths = Depths(settings)

    def run(self, closing: threading.Event) -> None:
        """Sweep until ``closing`` is set."""
        releasing = Releaser(self._begin, self._publisher).start(closing)
        try:
            while not closing.is_set():
                self.round()
                closing.wait(self._settings.sweep_interval)
        finally:
            releasing.join(10)
            self._publisher.close()
            self._depths.close()

    def round(self) -> SweepReport | None:
        """One sweep, and what it publishes; None where a store was away."""
        try:
            report = sweep_once(self._begin, self._publisher, self._settings, self._watch, self._depths)
        except AssayError as error:
            log.warning("sweep put off", action="sweep-unavailable", error=str(error))
            return None
        except Exception:
            log.exception("sweep failed", action="sweep-failed")
            return None
        self._publisher.flush(60)
        if report.total:
            log.info("swept", action="sweep", report=report)
        return report


class Depths:
    """Asks the broker how many messages a worker's queues hold."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._amqp = is_amqp(settings.broker)
        self._connection: Connection | None = None

    def __call__(self, worker: str) -> int | None:
        """Messages that wait for this analysis worker; None where the broker does not say."""
        try:
            if self._connection is None:
                self._connection = connection(self._settings)
            channel = self._connection.default_channel
            names = [queue_name(worker)]
            if self._amqp:
                names.append(queue_name(worker, bulk=True))
            depth = 0
            for name in names:
                depth += declaration(name, amqp=self._amqp)(channel).queue_declare().message_count
        except BROKER_ERRORS as error:
            log.warning("no queue depth", action="depth-failed", error=str(error))
            self.close()
            return None
        return depth

    def close(self) -> None:
        """Drop the connection."""
        if self._connection is not None:
            self._connection.release()
            self._connection = None


def run_sweep(settings: Settings, begin: Begin, closing: threading.Event) -> None:
    """Sweep until ``closing`` is set."""
    Sweeper(settings, begin).run(closing)
