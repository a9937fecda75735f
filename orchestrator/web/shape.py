"""What a worker's registered JSON schema says of its result: how fields are called, and in which order.

A schema may come from anybody with a key. Whatever in it is not understood is passed over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

#: A reference to a reference … is followed this often.
_HOPS = 8
_LONGEST = 200
_NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Shape:
    """The part of a schema that describes one value."""

    root: Any = None
    part: Any = None

    @classmethod
    def of(cls, schema: Any) -> Shape:
        return cls(schema, schema)

    def names(self, present: Iterable[str]) -> list[str]:
        """The fields that are there, in the order of the schema as far as it has one."""
        required = self._resolved().get("required")
        # a database may sort an object's fields by name, never a list
        order = [str(each) for each in required] if isinstance(required, list) else []
        names = list(present)
        listed = set(names)
        first = [name for name in dict.fromkeys(order) if name in listed]
        return first + [name for name in names if name not in set(first)]

    def label(self, name: str) -> str:
        """What the field is called."""
        title = self._field(name).get("title")
        return title[:_LONGEST] if isinstance(title, str) and title.strip() else name

    def hint(self, name: str) -> str:
        """What the field means."""
        text = self._field(name).get("description")
        return text[:_LONGEST] if isinstance(text, str) else ""

    def field(self, name: str) -> Shape:
        return Shape(self.root, self._field(name))

    def item(self) -> Shape:
        """The shape of each element."""
        return Shape(self.root, self._resolved().get("items"))

    def _field(self, name: str) -> Mapping[str, Any]:
        fields = self._resolved().get("properties")
        found = fields.get(name) if isinstance(fields, Mapping) else None
        return found if isinstance(found, Mapping) else _NOTHING

    def _resolved(self) -> Mapping[str, Any]:
        part = self.part
        for _ in range(_HOPS):
            if not isinstance(part, Mapping):
                return _NOTHING
            if isinstance(part.get("$ref"), str):
                part = self._referred(part["$ref"])
            elif "properties" not in part and "items" not in part and (choice := _choice(part)):
                part = choice
            else:
                return part
        return _NOTHING

    def _referred(self, reference: str) -> Any:
        kind, _, name = reference.removeprefix("#/").partition("/")
        kept = self.root.get(kind) if isinstance(self.root, Mapping) else None
        return kept.get(name) if kind in ("$defs", "definitions") and isinstance(kept, Mapping) else None


def _choice(part: Mapping[str, Any]) -> Any:
    """The first of several possibilities that says more than null."""
    for word in ("anyOf", "oneOf", "allOf"):
        choices = part.get(word)
        if isinstance(choices, list):
            fit = (each for each in choices if isinstance(each, Mapping) and each.get("type") != "null")
            return next(fit, None)
    return None
