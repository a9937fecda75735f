"""Celery's consumer, made safe against messages that Celery cannot understand: they are set aside.

Without this, some are dropped in silence and some end the process, again and again, as the broker hands them
out anew.
"""

# mypy: disable-error-code="misc"

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import structlog
from celery import signals
from celery.worker import consumer as celery_consumer

from orchestrator.broker.acknowledging import Acknowledgements
from orchestrator.broker.claiming import Received
from orchestrator.broker.redis_transport import Channel
from orchestrator.broker.runtime import Runtime
from orchestrator.errors import Unavailable

log = structlog.get_logger(__name__)

#: How often to look whether to hold more messages or fewer, in seconds.
_ADAPT = 0.2

_DELAYED = "celery.worker.consumer.delayed_delivery:DelayedDelivery"


class Consumer(celery_consumer.Consumer):
    """Receives messages; what is no Celery task of ours goes to the table ``set_aside``."""

    class Blueprint(celery_consumer.Consumer.Blueprint):
        # delays are the sweep's business: RabbitMQ need not keep 28 queues for them
        default_steps = [  # noqa: RUF012 - Celery's own declaration
            step for step in celery_consumer.Consumer.Blueprint.default_steps if step != _DELAYED
        ]

    def create_task_handler(self, *args: Any, **options: Any) -> Callable[[Any], None]:
        handle = super().create_task_handler(*args, **options)
        Channel.set_aside = self._set_aside_raw
        runtime: Runtime = self.app.runtime
        amqp = self.connection.transport.driver_type == "amqp"
        runtime.acknowledgements = Acknowledgements(self.connection_errors, amqp=amqp)
        runtime.recorder.acknowledge = self._acknowledge
        delivered = runtime.acknowledgements.delivered

        def handle_or_set_aside(message: Any) -> None:
            delivered(message)
            try:
                handle(message)
            except Exception as error:  # noqa: BLE001 - whatever a message makes Celery raise
                self._set_aside(message, f"{type(error).__name__}: {error}")

        return handle_or_set_aside

    def _acknowledge(self, requests: Iterable[Received]) -> None:
        """Have messages acknowledged, soon, by the thread whose connection it is."""
        acknowledgements = self.app.runtime.acknowledgements
        acknowledgements.add(request.message for request in requests)
        self.hub.call_soon(acknowledgements.send)

    def call_soon_ack(self, p: Any, *args: Any, **options: Any) -> Any:
        """Celery's own acknowledgements too are for the thread whose connection it is."""
        return self.call_soon(p, *args, **options)

    def register_with_event_loop(self, hub: Any) -> None:
        """Follow, from now on, how many messages it makes sense to hold."""
        super().register_with_event_loop(hub)
        self._held = self.initial_prefetch_count
        hub.call_repeatedly(_ADAPT, self._adapt)

    def _adapt(self) -> None:
        runtime: Runtime = self.app.runtime
        wanted = runtime.recorder.pace.prefetch
        if wanted == self._held or self.task_consumer is None:
            return
        if self.connection.transport.driver_type == "amqp":
            # quorum queues heed only the limit that a consumer began with
            self.task_consumer.cancel()
            self.task_consumer.qos(prefetch_count=wanted, apply_global=False)
            self.task_consumer.consume()
        else:
            self.task_consumer.qos(prefetch_count=wanted, apply_global=False)
        if wanted < self._held:
            for received in runtime.recorder.surplus(wanted):
                received.message.reject_log_error(log, self.connection_errors, requeue=True)
        self._held = wanted

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        self._set_aside(message, f"undecodable: {exc}")

    def on_unknown_message(self, body: Any, message: Any) -> None:  # noqa: ARG002 - Celery's signature
        self._set_aside(message, "no Celery task is named")
        signals.task_rejected.send(sender=self, message=message, exc=None)

    def on_invalid_task(self, body: Any, message: Any, exc: Exception) -> None:  # noqa: ARG002
        self._set_aside(message, f"invalid: {exc}")
        signals.task_rejected.send(sender=self, message=message, exc=exc)

    def on_unknown_task(self, body: Any, message: Any, exc: Exception) -> None:  # noqa: ARG002
        headers = message.headers if isinstance(message.headers, dict) else {}
        name = str(headers.get("task"))
        self._set_aside(message, f"unknown Celery task {name}")
        signals.task_unknown.send(sender=self, message=message, exc=exc, name=name, id=headers.get("id"))

    def _set_aside(self, message: Any, reason: str) -> None:
        body = message.body
        raw = body if isinstance(body, bytes) else str(body).encode("utf-8", "replace")
        info = message.delivery_info or {}
        headers = message.headers if isinstance(message.headers, dict) else {}
        kept = self._keep(
            str(info.get("routing_key") or ""), raw, reason, str(message.content_type or ""), headers
        )
        if kept and not message.acknowledged:
            message.ack_log_error(log, self.connection_errors)

    def _set_aside_raw(self, queue: str, raw: bytes, reason: str) -> None:
        self._keep(queue, raw, reason, "", {})

    def _keep(self, queue: str, body: bytes, reason: str, content_type: str, headers: dict[str, Any]) -> bool:
        runtime: Runtime = self.app.runtime
        try:
            runtime.set_aside(
                queue=queue, reason=reason, body=body, content_type=content_type, headers=headers
            )
        except Unavailable as error:
            log.warning("message kept by the broker", action="set-aside-failed", error=str(error))
            return False
        log.warning("message set aside", action="set-aside", queue=queue, reason=reason)
        return True
