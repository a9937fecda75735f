"""Procrastinate with ten coroutines for each process; queue and state are in PostgreSQL."""

from common import COUNT, DATABASE, counted, run, stamp, watch
from procrastinate import App, PsycopgConnector, SyncPsycopgConnector

app = App(connector=PsycopgConnector(conninfo=DATABASE))


@app.task(name="noop")
async def noop(worker: str, attempt: int) -> None:  # noqa: ARG001 - as many arguments as the others
    stamp()


def _synchronous() -> App:
    return app.with_connector(SyncPsycopgConnector(conninfo=DATABASE))


def prepare() -> None:
    with _synchronous().open() as opened:
        opened.schema_manager.apply_schema()


def publish() -> None:
    with _synchronous().open() as opened:
        deferrer = opened.configure_task("noop")
        for start in range(0, COUNT, 500):
            size = min(500, COUNT - start)
            deferrer.batch_defer(*({"worker": "noop", "attempt": 1} for _ in range(size)))


if __name__ == "__main__":
    run(
        prepare=prepare,
        publish=publish,
        work=lambda: app.run_worker(concurrency=10),
        watch=lambda: watch(counted("SELECT count(*) FROM procrastinate_jobs WHERE status = 'succeeded'")),
    )
