"""Dramatiq with eight threads for each process; it keeps no state."""

import signal
import threading

import dramatiq
from common import BROKER, COUNT, run, stamp
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.brokers.redis import RedisBroker
from redis import Redis

if BROKER.startswith("amqp"):
    broker = RabbitmqBroker(url=BROKER)
else:
    broker = RedisBroker(client=Redis(unix_socket_path=BROKER))
dramatiq.set_broker(broker)


@dramatiq.actor
def noop(worker: str, attempt: int) -> None:  # noqa: ARG001 - as many arguments as the others
    stamp()


def publish() -> None:
    for _ in range(COUNT):
        noop.send("noop", 1)


def work() -> None:
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    worker = dramatiq.Worker(broker, worker_threads=8)
    worker.start()
    ended.wait()
    worker.stop()


if __name__ == "__main__":
    run(prepare=lambda: None, publish=publish, work=work)
