"""Requests made up from both OpenAPI files: no internal error, and every answer in the envelope."""

import copy
import re
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

from tests.contract import models
from tests.contract.conftest import World, build_world
from tests.contract.driver import Api
from tests.contract.models import ADD_JOB_TASK, BARE, DOCUMENT, OPERATIONS, Operation
from tests.running import Stack

EXAMPLES = 20
PARAMETER = re.compile(r"\{(\w+)\}")

#: What there is to put into the path parameters.
PARAMETERS = {
    "sha256": lambda w: w.sample.sha256,
    "jobID": lambda w: w.jobs[0],
    "taskID": lambda w: w.tasks[0],
    "analysisID": lambda w: w.analyses[0],
    "evidenceID": lambda w: w.evidence[0],
    "linkID": lambda w: w.links[0],
    "submissionID": lambda w: w.sample.submission["id"],
    "idOrShortName": lambda w: w.workers[0],
    "id": lambda w: w.rules[0],
}


@pytest.fixture(scope="module")
def scratch(analyzer: Api, admin: Api) -> World:
    """Objects that no other test relies on."""
    return build_world(analyzer, admin)


def repaired(document: dict[str, Any]) -> dict[str, Any]:
    """The client's file, without two slips that nothing can satisfy.

    It lists the values of array parameters beside the array, and has `*` for a media type.
    """
    document = copy.deepcopy(document)
    upload = document["paths"][OPERATIONS["addSample"].path]["post"]["requestBody"]["content"]
    upload["application/octet-stream"] = upload.pop("*")
    for methods in document["paths"].values():
        for operation in methods.values():
            for parameter in operation.get("parameters", []):
                schema = parameter["schema"]
                if schema.get("type") == "array" and "enum" in schema:
                    schema["items"]["enum"] = schema.pop("enum")
    return document


@pytest.fixture(scope="module")
def client_s() -> Any:
    return schemathesis.openapi.from_dict(repaired(DOCUMENT))


@pytest.fixture(scope="module")
def ours(stack: Stack) -> Any:
    return schemathesis.openapi.from_dict(requests.get(f"{stack.url}/openapi.json", timeout=30).json())


def exercise(schema: Any, operation: Operation, api: Api, world: World, mode: GenerationMode) -> None:
    """Sends made-up requests, most of them at objects that exist; nothing that exists is deleted."""
    described = schema.find_operation_by_id(operation.id)
    names = zip(PARAMETER.findall(described.path), PARAMETER.findall(operation.path), strict=True)
    known = {name: PARAMETERS[theirs](world) for name, theirs in names if theirs in PARAMETERS}
    session = requests.Session()
    session.trust_env = False

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=described.as_strategy(generation_mode=mode), strangeness=st.integers(0, 3))
    def run(case: Any, strangeness: int) -> None:
        if strangeness and operation.method != "DELETE":
            case.path_parameters.update(known)
        arguments = case.as_transport_kwargs(base_url=api.url)
        arguments["headers"] = {**arguments.get("headers", {}), "Argus-API-Key": api.key}
        try:
            response = session.request(**arguments, timeout=30, allow_redirects=False)
        except (requests.exceptions.InvalidURL, requests.exceptions.InvalidHeader, UnicodeError):
            return
        check(response, operation)

    with session:
        run()


def check(response: requests.Response, operation: Operation) -> None:
    shown = f"{response.request.method} {response.url} {response.request.body!r}: {response.text[:500]}"
    assert response.status_code < 500, shown
    assert not 300 <= response.status_code < 400, shown
    served = models.operation_of(operation.method, "/" + response.url.split("?")[0].split("/", 3)[3])
    if response.status_code >= 400:
        models.check_error(response)
    elif served == operation and operation.id not in BARE:
        models.check_success(response, operation)


each = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)


@each
def test_the_client_s_file(client_s: Any, operation: Operation, admin: Api, scratch: World) -> None:
    """What the client's file allows is served or refused, as the contract's envelope says."""
    exercise(client_s, operation, admin, scratch, GenerationMode.POSITIVE)


@each
def test_our_file(ours: Any, operation: Operation, admin: Api, scratch: World) -> None:
    """What our file allows, likewise."""
    exercise(ours, operation, admin, scratch, GenerationMode.POSITIVE)


def test_our_file_has_the_older_generation_s_call(ours: Any, admin: Api, scratch: World) -> None:
    exercise(ours, ADD_JOB_TASK, admin, scratch, GenerationMode.POSITIVE)


@pytest.mark.parametrize(
    "operation", [o for o in OPERATIONS.values() if o.method in {"POST", "PUT"}], ids=lambda o: o.id
)
def test_what_the_client_s_file_forbids(
    client_s: Any, operation: Operation, admin: Api, scratch: World
) -> None:
    """Bodies and parameters that the file does not allow are no internal error either."""
    exercise(client_s, operation, admin, scratch, GenerationMode.NEGATIVE)
