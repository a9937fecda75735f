"""Karton: karton-system routes, consumers consume; state is in Redis. No task has a resource: no S3."""

import os
import sys

from common import BROKER, COUNT, await_go, run, stamp
from karton.core import Config, Consumer, Producer, Task
from karton.system.system import SystemService

_SETTINGS = {
    "KARTON_REDIS_URL": f"unix://{BROKER}",
    "KARTON_REDIS_HOST": "unused",
    "KARTON_S3_ADDRESS": "http://127.0.0.1:9",
    "KARTON_S3_ACCESS_KEY": "unused",
    "KARTON_S3_SECRET_KEY": "unused",
    "KARTON_S3_BUCKET": "unused",
    # it runs once in three minutes, after the end of this, and is the only one that asks S3
    "KARTON_SYSTEM_ENABLE_GC": "0",
    # as all others here, it tells of no single task: that makes it faster
    "KARTON_LOGGING_LEVEL": "WARNING",
}
os.environ.update(_SETTINGS)


class Noop(Consumer):
    identity = "bench.noop"
    filters = [{"type": "bench"}]  # noqa: RUF012 - Karton's own declaration

    def process(self, task: Task) -> None:  # noqa: ARG002
        stamp()


class Source(Producer):
    identity = "bench.source"


def config() -> Config:
    return Config(check_sections=False)


def prepare() -> None:
    consumer = Noop(config())
    consumer.backend.register_bind(consumer._bind)  # noqa: SLF001 - as its loop does


def publish() -> None:
    producer = Source(config())
    for _ in range(COUNT):
        producer.send_task(Task({"type": "bench"}))


def system() -> None:
    service = SystemService(config())
    await_go(sys.argv[2])
    service.loop()


if __name__ == "__main__":
    run(prepare=prepare, publish=publish, work=lambda: Noop(config()).loop(), system=system)
