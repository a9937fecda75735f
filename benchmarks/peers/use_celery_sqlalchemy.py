"""Celery with its SQLAlchemy result backend on PostgreSQL, and the events that a monitor reads."""

import celery_app
from common import DATABASE, counted, run, watch

app = celery_app.make(
    result_backend="db+" + DATABASE.replace("postgresql://", "postgresql+psycopg://", 1),
    worker_send_task_events=True,
    database_create_tables_at_setup=True,
)

if __name__ == "__main__":
    run(
        # the first read makes the tables
        prepare=lambda: app.backend.get_state("nobody"),
        publish=lambda: celery_app.publish(app),
        work=lambda: celery_app.work(app, events=True),
        watch=lambda: watch(counted("SELECT count(*) FROM celery_taskmeta WHERE status = 'SUCCESS'")),
    )
