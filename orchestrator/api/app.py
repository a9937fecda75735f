"""The ASGI application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from orchestrator.api import openapi, problems
from orchestrator.api.auditing import Auditing
from orchestrator.api.fast_lane import FastLane
from orchestrator.api.feed import Feed
from orchestrator.api.measuring import Measuring
from orchestrator.api.middleware import BodyLimit, TrailingSlash
from orchestrator.api.routes import ROUTERS, metrics
from orchestrator.api.security import Keys
from orchestrator.services.application import Application
from orchestrator.services.audit import AuditTrail
from orchestrator.services.creating import Creator
from orchestrator.services.guesses import Guesses
from orchestrator.services.metrics import Metrics

DESCRIPTION = """Submit samples, follow their jobs, read what the analysis workers found.

The API is that of Argus SampleDB v2; the official client `argus-api` works against it unmodified.
Authenticate with the header `Argus-API-Key`.
"""


def make_app(application: Application) -> FastAPI:
    """The API over the given stores."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await application.reads.open()
        yield
        await application.reads.close()
        await run_in_threadpool(app.state.audit.close)
        await run_in_threadpool(application.close)

    app = FastAPI(
        title="Assay",
        description=DESCRIPTION,
        version="2",
        lifespan=lifespan,
        redirect_slashes=False,
    )
    settings = application.settings
    app.state.application = application
    app.state.audit = AuditTrail(application.begin)
    app.state.creator = Creator(application.settings, application.begin, application.dispatch)
    app.state.keys = Keys(application.begin, Guesses(settings.key_failures_per_minute))
    app.state.feed = Feed(application.begin)
    for router in ROUTERS:
        app.include_router(router)
    problems.install(app)
    openapi.install(app)
    app.add_middleware(Auditing, trail=app.state.audit)
    app.add_middleware(
        BodyLimit,
        default=settings.max_json_size,
        raw=max(settings.max_sample_size, settings.max_evidence_size),
        patience=settings.body_timeout,
    )
    app.add_middleware(FastLane, keys=app.state.keys, reads=application.reads)
    app.add_middleware(TrailingSlash)
    if settings.metrics_enabled:
        app.state.metrics = Metrics(application.begin, settings.worker_lease)
        app.include_router(metrics.router)
        app.add_middleware(Measuring, metrics=app.state.metrics)
    return app
