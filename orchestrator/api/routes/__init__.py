"""The routes, one module per resource."""

from fastapi import APIRouter

from orchestrator.api.routes import job, sample, service, submission

ROUTERS: list[APIRouter] = [
    service.router,
    job.router,
    sample.router,
    submission.router,
]
