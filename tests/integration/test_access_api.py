"""Keys, roles and the conventions that every route keeps (contract sections 1.1 to 1.5)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from orchestrator.api.routes import ROUTERS
from orchestrator.api.security import SecuredRoute
from orchestrator.domain.vocabulary import Role
from orchestrator.services import access
from tests.integration.api import Api

OPEN = {"/health", "/ready"}
SOME_ID = "018f0000-0000-7000-8000-000000000000"
FILLED = {"sha256": "0" * 64, "idOrShortName": "nothing", "fileName": "name"}


def routes() -> Iterator[APIRoute]:
    for router in ROUTERS:
        yield from _flat(router.routes)


def _flat(found: list[BaseRoute]) -> Iterator[APIRoute]:
    for route in found:
        if isinstance(route, APIRoute):
            yield route
        else:
            yield from _flat(getattr(route, "routes", []))


def test_every_route_says_which_role_it_needs() -> None:
    for route in routes():
        assert isinstance(route, SecuredRoute) or route.path in OPEN, route.path


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    made = Api(tmp_path_factory.mktemp("api"))
    yield made
    made.close()


def cases() -> list[tuple[str, str, Role | None]]:
    found = []
    for route in routes():
        if isinstance(route, SecuredRoute):
            path = route.path
            for part in route.dependant.path_params:
                path = path.replace(f"{{{part.alias}}}", FILLED.get(part.alias, SOME_ID))
            found += [(method, path, route.role) for method in sorted(route.methods or ())]
    return found


@pytest.mark.parametrize(("method", "path", "role"), cases())
def test_each_role_gets_what_it_may_and_nothing_else(
    shared: Api, method: str, path: str, role: Role | None
) -> None:
    """No key and wrong keys: 401; a role too low: 403, whatever else is wrong with the request."""
    for key in ("", "wrong"):
        answer = shared.client.request(method, path, headers={"Argus-API-Key": key}, content=b"{broken")
        assert answer.status_code == 401, path
        assert answer.json()["responseCode"] == 401
    for have in Role:
        # a stream of events would have no end
        headers = {"Argus-API-Key": shared.keys[have], "Last-Event-ID": "broken"}
        answer = shared.client.request(method, path, headers=headers, content=b"{broken")
        allowed = role is None or role in have.grants
        assert (answer.status_code != 403) is allowed, (path, have)
        assert answer.status_code < 500, (path, answer.text)
        assert answer.json()["responseCode"] == answer.status_code


def test_a_key_is_kept_as_a_digest_and_can_be_revoked(tmp_path: Path) -> None:
    api = Api(tmp_path)
    try:
        key = api.key(Role.viewer)
        with api.begin(write=False) as uow:
            kept = access.list_keys(uow)
            assert all(key not in (row.digest, row.name) for row in kept)
        with api.begin() as uow:
            assert access.revoke_key(uow, "default-viewer") == 2
        assert api.get("/job", key=key).status_code == 401
    finally:
        api.close()


def test_the_envelope_and_its_conventions(shared: Api) -> None:
    answer = shared.get("/job/", params={"limit": 5, "offset": 2})
    body = answer.json()
    assert body.keys() == {"responseCode", "limit", "offset", "count", "size", "metaData", "messages", "data"}
    assert (body["limit"], body["offset"], body["data"]) == (5, 2, [])
    unknown = shared.client.get("/sampledb/v2/nothing", headers={"Argus-API-Key": shared.keys[Role.viewer]})
    assert unknown.status_code == 404
    assert unknown.json()["messages"][0]["messageTemplate"] == "url.not.exist"
    assert shared.client.get("/authentication/v1/session").status_code == 401
    bearer = {"Authorization": f"Bearer {shared.keys[Role.viewer]}"}
    assert shared.client.get("/authentication/v1/session", headers=bearer).status_code == 200


def test_the_service_says_whether_it_is_ready(shared: Api) -> None:
    assert shared.client.get("/health").status_code == 200
    assert shared.client.get("/ready").json()["data"] == {"database": "ok", "broker": "ok", "blobs": "ok"}
    assert "/sampledb/v2/job" in shared.client.get("/openapi.json").json()["paths"]
    assert shared.client.get("/docs").status_code == 200
