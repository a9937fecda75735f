"""Compares two OpenAPI files: what one asks and answers that the other does not."""

from collections.abc import Iterator
from typing import Any

SUCCESSES = ("200", "201", "default")


def differences(theirs: dict[str, Any], ours: dict[str, Any], base: str) -> set[str]:
    """Lines such as `getJobTask answer +analysis`; + is ours only, - is theirs only."""
    left, right = _operations(theirs, base), _operations(ours, base)
    lines = {f"{name} {sign}operation" for sign, name in _changes(set(left), set(right))}
    for name in left.keys() & right.keys():
        for what, read in (
            ("parameter", _parameters),
            ("body", _body),
            ("required", _required),
            ("answer", _answer),
        ):
            before, after = set(read(left[name], theirs)), set(read(right[name], ours))
            lines |= {f"{name} {what} {sign}{item}" for sign, item in _changes(before, after)}
    return lines


def _changes(before: set[str], after: set[str]) -> Iterator[tuple[str, str]]:
    yield from (("-", item) for item in before - after)
    yield from (("+", item) for item in after - before)


def _operations(document: dict[str, Any], base: str) -> dict[str, dict[str, Any]]:
    return {
        operation.get("operationId", f"{method} {path}"): operation | {"at": f"{method} {path}"}
        for path, methods in document["paths"].items()
        if path.startswith(base + "/")
        for method, operation in methods.items()
    }


def _resolve(schema: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    """Follows references, and the one real alternative of a nullable schema."""
    while "$ref" in schema or "anyOf" in schema:
        if "$ref" in schema:
            target: Any = document
            for part in schema["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            schema = target
        else:
            real = [s for s in schema["anyOf"] if s.get("type") != "null"]
            schema = next((s for s in real if s.get("type") == "array" or "$ref" in s), real[0])
    return schema


def _parameters(operation: dict[str, Any], document: dict[str, Any]) -> Iterator[str]:
    for parameter in operation.get("parameters", []):
        if parameter["in"] in {"path", "query"}:
            yield f"{parameter['in']} {parameter['name']}"


def _request(operation: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    content = operation.get("requestBody", {}).get("content", {})
    return _resolve(content.get("application/json", {}).get("schema", {}), document)


def _body(operation: dict[str, Any], document: dict[str, Any]) -> Iterator[str]:
    yield from _names(_request(operation, document), document, set())


def _required(operation: dict[str, Any], document: dict[str, Any]) -> Iterator[str]:
    yield from _request(operation, document).get("required", [])


def _answer(operation: dict[str, Any], document: dict[str, Any]) -> Iterator[str]:
    for status in SUCCESSES:
        content = operation["responses"].get(status, {}).get("content", {})
        schema = _resolve(content.get("application/json", {}).get("schema", {}), document)
        if "data" in schema.get("properties", {}):
            yield from _names(schema["properties"]["data"], document, set())
            return


def _names(
    schema: dict[str, Any], document: dict[str, Any], seen: set[str], prefix: str = ""
) -> Iterator[str]:
    """The dotted names of all properties below a schema, arrays seen through."""
    if schema.get("$ref", "") in seen:
        return
    seen = seen | {schema["$ref"]} if "$ref" in schema else seen
    schema = _resolve(schema, document)
    if schema.get("type") == "array":
        yield from _names(schema.get("items", {}), document, seen, prefix)
    for name, inner in schema.get("properties", {}).items():
        yield prefix + name
        yield from _names(inner, document, seen, f"{prefix}{name}.")
