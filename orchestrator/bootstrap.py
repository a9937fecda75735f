"""Wires the parts together; only process entries import it."""

from __future__ import annotations

from functools import partial

from fastapi import FastAPI

from orchestrator import tracing
from orchestrator.api.app import make_app
from orchestrator.broker.dispatch import Publisher
from orchestrator.broker.replay import resend
from orchestrator.services.application import Application
from orchestrator.settings import Settings
from orchestrator.store.blobs import open_blobs
from orchestrator.store.engine import make_engine
from orchestrator.store.hot import open_hot_reads
from orchestrator.store.memory import memory_of
from orchestrator.store.unit_of_work import UnitOfWork
from orchestrator.web.app import routes


def make_application(settings: Settings) -> Application:
    """The parts that a serving process has at hand. Call it in the process that uses them, after any fork."""
    engine = make_engine(settings.database)
    memory_of(engine).window = settings.queue_window
    begin = partial(UnitOfWork, engine)
    publisher = Publisher(settings, begin)

    def close() -> None:
        publisher.close()
        engine.dispose()

    return Application(
        settings=settings,
        begin=begin,
        blobs=open_blobs(settings),
        dispatch=publisher,
        resend=partial(resend, settings),
        reads=open_hot_reads(settings.database),
        check_broker=publisher.check,
        close=close,
    )


def api(settings: Settings) -> FastAPI:
    """The ASGI application of an API process: the API, and the pages beside it."""
    application = make_application(settings)
    app = make_app(application)
    app.router.routes.extend(routes(application))
    if (traced := tracing.middleware()) is not None:
        middleware, options = traced
        app.add_middleware(middleware, **options)
    return app
