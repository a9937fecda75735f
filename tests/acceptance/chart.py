"""The Helm chart's templates, filled in: the few words of Go's template language that they use, no others."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parents[2] / "deploy" / "helm" / "assay"

_TAG = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}")
_RANGE = re.compile(r"range \$(\w+), \$(\w+) := (\S+)")
_EQUAL = re.compile(r'if eq (\S+) "([^"]*)"')


def values(**changed: Any) -> dict[str, Any]:
    """The chart's values, with whole sections of them replaced."""
    loaded: dict[str, Any] = yaml.safe_load((FOLDER / "values.yaml").read_text())
    return {**loaded, **changed}


def render(given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every object of the chart."""
    found: list[dict[str, Any]] = []
    for path in sorted((FOLDER / "templates").glob("*.yaml")):
        text = "".join(_filled(_tokens(path.read_text()), {"": {"Values": given}}))
        found += [each for each in yaml.safe_load_all(text) if each]
    return found


def _tokens(text: str) -> list[tuple[bool, str]]:
    return [(index % 2 == 1, part) for index, part in enumerate(_TAG.split(text))]


def _filled(tokens: list[tuple[bool, str]], scope: dict[str, Any]) -> Iterator[str]:
    """Fill in until the tokens, or the block that they begin in, end; takes what it reads."""
    while tokens:
        is_tag, text = tokens.pop(0)
        if not is_tag:
            yield text
        elif text == "end":
            return
        elif text.startswith(("range ", "if ")):
            inner, tokens[:] = _block(tokens)
            for more in _rounds(text, scope):
                yield from _filled(list(inner), {**scope, **more})
        else:
            expression, _, function = text.partition(" | ")
            assert function in ("", "quote"), text
            value = _value(expression, scope)
            yield json.dumps(str(value)) if function else str(value)


def _block(tokens: list[tuple[bool, str]]) -> tuple[list[tuple[bool, str]], list[tuple[bool, str]]]:
    depth = 1
    for index, (is_tag, text) in enumerate(tokens):
        if is_tag:
            depth += text.startswith(("range ", "if ")) - (text == "end")
        if not depth:
            return tokens[:index], tokens[index + 1 :]
    raise AssertionError("a block has no end")


def _rounds(text: str, scope: dict[str, Any]) -> list[dict[str, Any]]:
    if ranged := _RANGE.fullmatch(text):
        return [{ranged[1]: key, ranged[2]: each} for key, each in _value(ranged[3], scope).items()]
    if equal := _EQUAL.fullmatch(text):
        return [{}] if _value(equal[1], scope) == equal[2] else []
    return [{}] if _value(text.removeprefix("if "), scope) else []


def _value(expression: str, scope: dict[str, Any]) -> Any:
    """What ``.Values.a.b``, ``$.Values.a`` or ``$name.a`` stands for; one that is missing fails."""
    name, *path = expression.removeprefix("$").split(".")
    value = scope[name]
    for each in path:
        value = value[each]
    return value
