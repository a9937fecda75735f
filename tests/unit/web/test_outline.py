"""Results as nested lists and tables."""

from __future__ import annotations

from orchestrator.web import rendering
from orchestrator.web.outline import Node, outline


def _count(node: Node) -> int:
    below = [each for _, each in node.items] + [cell for row in node.rows for cell in row]
    return 1 + sum(map(_count, below))


def test_an_object_is_a_list_of_its_fields():
    """Every field has its name."""
    node = outline({"name": "x", "big": True, "none": None})
    assert node.kind == "map"
    assert [(key, each.text) for key, each in node.items] == [("name", "x"), ("big", "yes"), ("none", "—")]


def test_flat_objects_alike_are_a_table():
    """A list of them has one column per field, in the order of their appearance."""
    node = outline([{"a": 1, "b": 2}, {"a": 3, "c": 4}])
    assert node.columns == ["a", "b", "c"]
    assert [[cell.text for cell in row] for row in node.rows] == [["1", "2", "—"], ["3", "—", "4"]]


def test_values_stand_in_one_line_and_objects_below_one_another():
    """Lists of plain values are short."""
    assert outline([1, "b"]).kind == "inline"
    assert outline([{"a": {"b": 1}}, 2]).kind == "list"


def test_whatever_a_worker_returns_the_outline_is_bounded():
    """Neither width, depth nor both together make an endless page."""
    deep: object = "end"
    for _ in range(500):
        deep = {"down": deep}
    assert _count(outline(deep)) < 20
    assert outline(list(range(100_000))).left == 99_900
    wide = {str(i): {str(j): {str(k): k for k in range(50)} for j in range(50)} for i in range(50)}
    assert _count(outline(wide)) < 20_000
    assert len(outline("x" * 10_000).text) < 2_100


def test_names_and_values_are_escaped_wherever_they_stand():
    """Markup in a result is text, in keys too."""
    hostile = "<script>alert(1)</script>"
    result = {
        hostile: hostile,
        "t": [{hostile: hostile}, {hostile: 1}],
        "l": [hostile],
        "d": [{"x": {hostile: 1}}],
    }
    template = rendering._ENVIRONMENT.from_string('{% import "macros.html" as m %}{{ m.outline(node) }}')
    html = template.render(node=outline(result), visitor=None)
    assert "<script" not in html
    assert html.count("&lt;script&gt;") == 6
