"""What a schema says of a result; whatever else it is, it does no harm."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, Field

from orchestrator.web.outline import outline
from orchestrator.web.shape import Shape


class Section(BaseModel):
    name: str
    virtual_size: int = Field(description="as loaded, in bytes")


class Result(BaseModel):
    zebra: int
    machine_type: str | None
    sections: list[Section]
    best: Section | None


RESULT = {
    "best": {"virtual_size": 1, "name": "a"},
    "sections": [{"virtual_size": 1, "name": "a"}, {"virtual_size": 2, "name": "b"}],
    "machine_type": "x86",
    "zebra": 1,
    "extra": 2,
}


def test_fields_have_the_schemas_names_and_order():
    """In objects, behind references and alternatives, and in the columns of tables."""
    node = outline(RESULT, Result.model_json_schema())
    assert [key for key, _ in node.items] == ["Zebra", "Machine Type", "Sections", "best", "extra"]
    fields = dict(node.items)
    assert fields["Sections"].columns == ["Name", "Virtual Size"]
    assert [[cell.text for cell in row] for row in fields["Sections"].rows] == [["a", "1"], ["b", "2"]]
    assert [key for key, _ in fields["best"].items] == ["Name", "Virtual Size"]
    assert fields["best"].items[1][1].hint == "as loaded, in bytes"


LOOP = {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}
ODD = [
    True,
    [],
    "text",
    LOOP,
    {"$ref": "https://elsewhere.example/schema"},
    {"$ref": "#/$defs/none"},
    {"properties": []},
    {"properties": {"zebra": 1}, "required": {"zebra": 1}},
    {"properties": {"zebra": {"title": 7, "description": []}}, "required": [1, None, ["x"]]},
    {"items": [{"title": "x"}], "anyOf": "x"},
]


@pytest.mark.parametrize("schema", ODD)
def test_an_odd_schema_changes_nothing(schema):
    """The result is shown as without one."""
    assert outline(RESULT, schema) == outline(RESULT)
    assert outline([1, {"a": 2}], schema) == outline([1, {"a": 2}])


def test_long_titles_are_cut():
    """A label is no place for a book."""
    shape = Shape.of({"properties": {"a": {"title": "x" * 10_000, "description": "y" * 10_000}}})
    assert len(shape.label("a")) == len(shape.hint("a")) == 200
