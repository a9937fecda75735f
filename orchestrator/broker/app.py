"""The Celery app, and connections to the broker, made of the settings."""

from __future__ import annotations

import os
from typing import Any

import orjson
from celery import Celery
from kombu import Connection
from kombu.serialization import registry
from kombu.transport import TRANSPORT_ALIASES
from kombu.utils.json import dumps

from orchestrator import worker as sdk
from orchestrator.broker.wire import SERVICE_QUEUE, is_amqp, queues_for
from orchestrator.errors import Unavailable
from orchestrator.settings import Settings

#: Without the emulation of acknowledgements nothing becomes visible again; with it (a broker whose options
#: somebody overrode), the sweep is still what brings lost work back, so that this must never be first.
_NEVER = 10 * 365 * 24 * 3600
#: Priority steps of the Redis transport: one list per step and queue.
_STEPS = [0, 3, 6, 9]


def broker_url(settings: Settings) -> str:
    """The broker, in the schemes that kombu knows: Valkey speaks Redis' protocol."""
    url = settings.broker
    if url.startswith(("valkey://", "valkeys://", "valkey+socket://")):
        return url.replace("valkeys", "rediss", 1).replace("valkey", "redis", 1)
    return url


def transport_options(settings: Settings) -> dict[str, Any]:
    """What kombu's transport is told, alike for those who publish and those who consume."""
    if is_amqp(settings.broker):
        return {"client_properties": {"connection_name": f"assay-{os.getpid()}"}}
    return {
        "ack_emulation": False,
        "visibility_timeout": _NEVER,
        "priority_steps": _STEPS,
        "queue_order_strategy": "round_robin",
        "socket_connect_timeout": 5,
        "socket_keepalive": True,
    }


def connection(settings: Settings) -> Connection:
    """A connection of one's own, not yet opened."""
    return Connection(broker_url(settings), transport_options=transport_options(settings), connect_timeout=5)


def check(settings: Settings) -> None:
    """:class:`Unavailable` where the broker cannot be reached."""
    opened = connection(settings)
    try:
        opened.ensure_connection(max_retries=1, interval_start=0, timeout=5)
    except Exception as error:
        raise Unavailable(f"the broker cannot serve now: {error}") from error
    finally:
        opened.release()


def make_app(settings: Settings, workers: list[str] | None = None) -> Celery:
    """The app of a process that serves these analysis workers (None: all that are installed)."""
    _tune_kombu()
    amqp = is_amqp(settings.broker)
    served = sorted(sdk.installed()) if workers is None else workers
    app = Celery("assay", set_as_current=True)
    app.conf.update(
        broker_url=broker_url(settings),
        broker_transport_options=transport_options(settings),
        broker_connection_retry_on_startup=True,
        broker_connection_retry=True,
        broker_connection_max_retries=None,
        broker_heartbeat=30 if amqp else 0,
        broker_pool_limit=1,
        accept_content=["json"],
        task_serializer="json",
        event_serializer="json",
        result_backend=None,
        task_ignore_result=True,
        task_acks_late=True,
        task_acks_on_failure=True,
        task_acks_on_timeout=True,
        task_default_queue=SERVICE_QUEUE,
        task_default_exchange="",
        task_queues=queues_for(served, amqp=amqp),
        task_create_missing_queues=True,
        task_create_missing_queue_type="quorum" if amqp else "classic",
        worker_pool="orchestrator.broker.pool:TaskPool",
        worker_consumer="orchestrator.broker.consumer:Consumer",
        worker_concurrency=1,
        worker_prefetch_multiplier=2,
        worker_detect_quorum_queues=True,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_enable_prefetch_count_reduction=False,
        worker_send_task_events=False,
        worker_redirect_stdouts=False,
        worker_hijack_root_logger=False,
        imports=["orchestrator.broker.analyse", "orchestrator.broker.signals"],
        enable_utc=True,
    )
    app.settings = settings
    return app


def _tune_kombu() -> None:
    """Give a worker process our Redis transport, and a JSON reader that takes a fifth of the time."""
    TRANSPORT_ALIASES.update(
        dict.fromkeys(("redis", "rediss"), "orchestrator.broker.redis_transport:Transport")
    )
    registry.register("json", dumps, orjson.loads, "application/json", "utf-8")
