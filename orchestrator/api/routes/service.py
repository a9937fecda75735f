"""The service itself: its session check, health and readiness (contract section 1.4)."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, Request

from orchestrator.api.dependencies import App
from orchestrator.api.envelope import JsonResponse, problem, single
from orchestrator.api.envelope import Message as EnvelopeMessage
from orchestrator.api.security import CallerDep, SecuredRoute, key_of, needs
from orchestrator.errors import AssayError
from orchestrator.services import health

router = APIRouter(tags=["service"])
_secured = APIRouter(route_class=SecuredRoute)


@_secured.get("/authentication/v1/session", operation_id="checkSession")
@needs(None)
def session(caller: CallerDep) -> JsonResponse:
    """Whether the key is good, and whose it is."""
    user = {"id": caller.user_id, "name": caller.user, "shortName": caller.user, "type": "user"}
    customer = {"id": caller.customer_id, "shortName": caller.customer}
    return single({"user": {**user, "customer": customer}, "functions": sorted(caller.role.grants)})


@_secured.post("/authentication/v1/session/constrain", operation_id="constrainSession")
@needs(None)
def constrain(request: Request, caller: CallerDep) -> JsonResponse:
    """A session for the same key: a bearer token is taken wherever a key is."""
    return single(
        {"credentials": {"requestCredentialsData": key_of(request)}, "user": {"id": caller.user_id}}
    )


@router.get("/health", operation_id="health")
def alive() -> JsonResponse:
    """The process answers."""
    return single({"status": "alive"})


@router.get("/ready", operation_id="ready")
def ready(app: App) -> JsonResponse:
    """Database, broker and blobs can be used; 503 names those that cannot."""
    checks: dict[str, Callable[[], None]] = health.checks(app)
    broken = {}
    for name, check in checks.items():
        try:
            check()
        except AssayError as error:
            broken[name] = str(error)
    if broken:
        messages = [
            EnvelopeMessage(type="ACTION_ERROR", message=f"{name}: {text}", messageTemplate="not.ready")
            for name, text in broken.items()
        ]
        return problem(503, messages, {"Retry-After": "5"})
    return single(dict.fromkeys(checks, "ok"))


router.include_router(_secured)
