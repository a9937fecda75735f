"""The routes, one module per resource."""

from fastapi import APIRouter

from orchestrator.api.routes import (
    analysis,
    audit,
    classification,
    event,
    evidence,
    fact,
    job,
    link,
    policy,
    run,
    sample,
    search,
    service,
    servicetask,
    setaside,
    statistics,
    submission,
    verdict,
    worker,
)

ROUTERS: list[APIRouter] = [
    service.router,
    job.router,
    run.router,
    sample.router,
    submission.router,
    worker.router,
    policy.router,
    analysis.router,
    event.router,
    evidence.router,
    link.router,
    fact.router,
    classification.router,
    verdict.router,
    search.router,
    statistics.router,
    servicetask.router,
    setaside.router,
    audit.router,
]
