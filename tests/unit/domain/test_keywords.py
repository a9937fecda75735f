"""Keyword text and patterns."""

from __future__ import annotations

import sqlite3
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.keywords import ESCAPE, MAX_TEXT, SECTION, fold, pattern, text_of
from orchestrator.domain.vocabulary import Tlp

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)


def test_text_has_a_section_per_part_and_a_line_per_value() -> None:
    """Values of every kind are spelled as the wire spells them."""
    uuid = UUID(int=5)
    found = text_of("Invoice.EXE", Tlp.amber, None, [7, True, uuid], {"Key": ["Deep", {"er": "Value"}]}, ())
    assert found.split(SECTION) == ["invoice.exe", "amber", "", f"7\ntrue\n{uuid}", "deep\nvalue", ""]


def test_no_value_can_pretend_to_be_another_section() -> None:
    """The mark between sections never comes from a value."""
    assert text_of(f"a{SECTION}b", "c").split(SECTION) == ["ab", "c"]


def test_what_is_too_long_costs_only_what_follows() -> None:
    """Earlier sections stay whole."""
    sections = text_of("name", "x" * (2 * MAX_TEXT), "lost").split(SECTION)
    assert sections[0] == "name"
    assert "lost" not in sections


def test_keys_are_not_searched() -> None:
    """A field that every row has would match every row."""
    assert text_of({"entropy": 7.5}) == "7.5"


@pytest.mark.parametrize("whole", ["x" * (2 * MAX_TEXT), "ß" * MAX_TEXT, "\N{PILE OF POO}" * MAX_TEXT])
def test_text_is_bounded_in_bytes_and_stays_whole_characters(whole: str) -> None:
    """The bound never cuts a character in half."""
    text = text_of(whole)
    assert MAX_TEXT - 4 < len(text.encode()) <= MAX_TEXT
    assert text == fold(whole)[: len(text)]


def test_text_of_many_parts_is_bounded() -> None:
    """Many small values are bounded like one large one."""
    assert MAX_TEXT - 4 < len(text_of([["abc"] * 1000] * 1000).encode()) <= MAX_TEXT


def test_deep_nesting_is_no_danger() -> None:
    """A hostile result cannot exhaust the stack."""
    nested: list[object] = ["bottom"]
    for _ in range(100_000):
        nested = [nested]
    assert text_of(nested) == "bottom"


def test_nul_and_lone_surrogates_are_left_out() -> None:
    """Neither database takes them."""
    assert text_of("a\x00b", "c\ud800d") == f"ab{SECTION}cd"


@pytest.mark.parametrize(
    ("keyword", "text"), [("STRASSE", "straße"), ("straße", "STRASSE"), ("ΟΔΟΣ", "οδος 5")]
)
def test_case_does_not_matter_in_any_script(keyword: str, text: str) -> None:
    """Folding treats keyword and text alike."""
    assert fold(keyword) in text_of(text)


@given(JSON)
def test_any_value_gives_text_that_a_database_takes(value: object) -> None:
    """Whatever a result holds, its text can be stored, and folding it again changes nothing."""
    text = text_of(value)
    assert "\x00" not in text
    assert len(text.encode()) <= MAX_TEXT
    assert fold(text) == text


@given(st.text(alphabet="ab%_\\ ", max_size=6), st.text(alphabet="ab%_\\ ", max_size=12))
def test_a_pattern_finds_exactly_the_texts_that_contain_the_keyword(keyword: str, text: str) -> None:
    """No character of a keyword is a wildcard."""
    with sqlite3.connect(":memory:") as connection:
        statement = "SELECT ? LIKE ? ESCAPE ?"
        (found,) = connection.execute(statement, (text_of(text), pattern(keyword), ESCAPE)).fetchone()
    connection.close()
    assert bool(found) == (keyword in text)
