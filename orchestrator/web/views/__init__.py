"""One module per page."""

from fastapi import APIRouter

from orchestrator.web.views import analysis, dashboard, job, sample, search, session, submit, workers

ROUTERS: list[APIRouter] = [
    session.router,
    dashboard.router,
    submit.router,
    job.router,
    sample.router,
    analysis.router,
    search.router,
    workers.router,
]
