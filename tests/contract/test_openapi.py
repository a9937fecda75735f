"""Our OpenAPI file against the client's: every difference is listed with its reason."""

import re
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.contract.models import BASE, DOCUMENT
from tests.contract.openapi import differences
from tests.contract.routes import ROUTES
from tests.running import Stack

REASONS: dict[str, str] = tomllib.loads(
    Path(__file__).with_name("openapi_differences.toml").read_text(encoding="utf-8")
)


@pytest.fixture(scope="module")
def ours(stack: Stack) -> dict[str, Any]:
    return dict(requests.get(f"{stack.url}/openapi.json", timeout=30).json())


def test_every_difference_has_a_reason(ours: dict[str, Any]) -> None:
    found = differences(DOCUMENT, ours, BASE)
    unexplained = {d for d in found if not any(fnmatchcase(d, pattern) for pattern in REASONS)}
    assert not unexplained, "\n".join(sorted(unexplained))


def test_every_reason_has_a_difference(ours: dict[str, Any]) -> None:
    found = differences(DOCUMENT, ours, BASE)
    stale = {pattern for pattern in REASONS if not any(fnmatchcase(d, pattern) for d in found)}
    assert not stale
    assert all(len(reason) > 20 for reason in REASONS.values())


def test_a_comparison_sees_what_differs() -> None:
    """An operation, a parameter, a field of a body or an answer, and what is required."""

    def document(**operation: Any) -> dict[str, Any]:
        return {"paths": {"/x/y": {"get": {"operationId": "o", "responses": {}, **operation}}}}

    def body(**properties: Any) -> dict[str, Any]:
        schema = {"properties": {"data": {"properties": properties}}, "required": [*properties]}
        return {"content": {"application/json": {"schema": schema}}}

    left = document(responses={"200": body(a={}, b={"items": {"properties": {"c": {}}}, "type": "array"})})
    right = document(
        parameters=[{"in": "query", "name": "q"}],
        requestBody=body(z={}),
        responses={"200": body(a={}, b={"type": "array", "items": {}})},
    )
    assert differences(left, right, "/x") == {
        "o parameter +query q",
        "o body +data",
        "o body +data.z",
        "o required +z",
        "o answer -b.c",
    }
    assert differences(left, {"paths": {}}, "/x") == {"o -operation"}


def test_the_table_of_roles_has_every_path_that_we_describe(ours: dict[str, Any]) -> None:
    """So that no route goes without its role test."""
    described = {
        (method.upper(), re.sub(r"{\w+}", "*", path))
        for path, methods in ours["paths"].items()
        for method in methods
        if path.startswith(BASE + "/")
    }
    tested = {(r.method, re.sub(r"{\w+}|0{64}|roles\.bin", "*", BASE + r.path)) for r in ROUTES}
    assert described == tested
