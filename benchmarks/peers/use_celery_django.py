"""Celery with django-celery-results on PostgreSQL: one row for each result."""

from urllib.parse import urlsplit

import celery_app
import django
from common import DATABASE, counted, run, watch
from django.conf import settings
from django.core.management import call_command

_AT = urlsplit(DATABASE)
settings.configure(
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": _AT.hostname,
            "PORT": _AT.port,
            "USER": _AT.username,
            "NAME": _AT.path[1:],
            "CONN_MAX_AGE": None,
        }
    },
    INSTALLED_APPS=["django_celery_results"],
    USE_TZ=True,
)
django.setup()

app = celery_app.make(result_backend="django-db")

if __name__ == "__main__":
    run(
        prepare=lambda: call_command("migrate", verbosity=0),
        publish=lambda: celery_app.publish(app),
        work=lambda: celery_app.work(app),
        watch=lambda: watch(
            counted("SELECT count(*) FROM django_celery_results_taskresult WHERE status = 'SUCCESS'")
        ),
    )
