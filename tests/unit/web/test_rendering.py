"""What templates do to values."""

from __future__ import annotations

import pytest
from jinja2 import UndefinedError

from orchestrator.web import rendering


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("invoice.pdf", "invoice.pdf"),
        ("Grüße 文件.exe", "Grüße 文件.exe"),
        ("invoice\u202efdp.exe", "invoice\\u202efdp.exe"),
        ("a\x1b[31m", "a\\u001b[31m"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("two\nlines", "two\nlines"),
    ],
)
def test_characters_without_a_shape_are_spelled_out(text, shown):
    """What could hide or turn around a part of a name is visible."""
    assert rendering.visible(text) == shown


def test_values_are_escaped():
    """Markup in a value is text."""
    html = rendering.fragment("error.html", visitor=None, path="/", query="", code=500, text="<b>&\u202e")
    assert "&lt;b&gt;&amp;\\u202e" in html


def test_undefined_values_are_errors():
    """A template that asks for what it was not given fails, rather than showing nothing."""
    with pytest.raises(UndefinedError):
        rendering.fragment("error.html", visitor=None, path="/", query="", code=500)


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (None, "—"),
        (3, "3 ms"),
        (1500, "1.5 s"),
        (61_000, "1 min 1 s"),
        (5_400_000, "1 h 30 min"),
        (2e8, "2 d"),
    ],
)
def test_spans_of_time(milliseconds, text):
    """A span of time is in its two largest units."""
    assert rendering.duration(milliseconds) == text


@pytest.mark.parametrize(
    ("amount", "text"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 kB"), (3 * 1024**4, "3072.0 GB")]
)
def test_sizes(amount, text):
    """Sizes are in the largest unit."""
    assert rendering.size(amount) == text


@pytest.mark.parametrize(
    ("score", "word"),
    [
        (None, "open"),
        (-1, "nothing"),
        (0, "low"),
        (29, "low"),
        (30, "suspicious"),
        (69, "suspicious"),
        (70, "malicious"),
        (100, "malicious"),
    ],
)
def test_levels(score, word):
    """A score means one thing everywhere."""
    assert rendering.level(score) == word
