"""RQ with the worker that does not fork for each job, the faster of the two; state is in Redis."""

from common import BROKER, COUNT, run, stamp
from redis import Redis
from rq import Queue, SimpleWorker


def noop(worker: str, attempt: int) -> None:  # noqa: ARG001 - as many arguments as the others
    stamp()


def queue() -> Queue:
    return Queue("bench", connection=Redis(unix_socket_path=BROKER))


def publish() -> None:
    target = queue()
    for start in range(0, COUNT, 500):
        batch = [Queue.prepare_data("use_rq.noop", ("noop", 1)) for _ in range(min(500, COUNT - start))]
        target.enqueue_many(batch)


def work() -> None:
    source = queue()
    SimpleWorker([source], connection=source.connection).work(logging_level="WARNING")


if __name__ == "__main__":
    run(prepare=lambda: None, publish=publish, work=work)
