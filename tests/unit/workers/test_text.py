import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers._indicators import INDICATOR_LIMIT, find_indicators
from workers._text import clean, clip


@given(st.one_of(st.text(st.characters()), st.binary()), st.integers(1, 50))
def test_cleaned_text_is_storable_and_bounded(value, limit):
    """Whatever comes in, what comes out encodes, has no NUL, and keeps the limit up to escapes."""
    text = clean(value, limit)
    text.encode()
    assert "\\u0000" not in json.dumps(text)
    assert len(text) <= limit


def test_unprintable_characters_are_written_out():
    """Controls, surrogates and marks of direction stay visible instead of acting."""
    assert clean("a\0b\x1b[2J\udc80\u202egpj") == "a\\x00b\\x1b[2J\\udc80\\u202egpj"
    assert clean(b"\xff\x00ok\n") == "\\xff\\x00ok\n"


def test_clip_takes_no_more_than_it_needs():
    """An endless iterable is read only as far as the limit."""
    assert clip(iter(int, 1), 3) == [0, 0, 0]


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("see http://evil.example.com/a?b=1, now", "url", "hxxp://evil[.]example[.]com/a?b=1"),
        ("HTTPS://USER@1.2.3.4:80/x)", "url", "hxxps://USER@1[.]2[.]3[.]4:80/x"),
        ("<bob.b@corp.example.com>", "email", "bob[.]b[@]corp[.]example[.]com"),
        ("at www.example.co.uk.", "domain", "www[.]example[.]co[.]uk"),
        ("to 93.184.216.34:443", "ipv4", "93[.]184[.]216[.]34"),
        ("to 2001:4860:4860::8888 ", "ipv6", "2001:4860:4860::8888"),
        (r"HKLM\Software\Microsoft\Windows\CurrentVersion\Run", "registry", None),
        (r"run C:\Windows\System32\cmd.exe", "path", r"C:\Windows\System32\cmd.exe"),
        (r"from \\srv01\share\x.exe", "unc", r"\\srv01\share\x.exe"),
        ("as in cve-2021-44228", "cve", "cve-2021-44228"),
        ("pay 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "bitcoin", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"),
        ("pay 0x" + "ab" * 20, "ethereum", "0x" + "ab" * 20),
        (r"X:\src\rel\evil.pdb", "pdb", r"X:\src\rel\evil.pdb"),
    ],
)
def test_indicators_are_found_and_defanged(text, kind, value):
    """Each kind is found in running text, without the punctuation behind it, in a form nobody can click."""
    assert (kind, value or text) in [(each.kind, each.value) for each in find_indicators(text)]


@pytest.mark.parametrize(
    "text",
    [
        "kernel32.dll System.Text foo.py a.b.c version 1.2.3",
        "FileVersion 1.0.0.0 6.1.0.0 999.1.2.3 127.0.0.1 224.0.0.1",
        "std::vector ::1 12:30:45 fe80::1",
        "http://www.w3.org/1999/xhtml",
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb",
        "user@localhost",
    ],
)
def test_what_only_looks_like_an_indicator_is_none(text):
    """File names, version numbers, code, XML name spaces and wrong checksums are left out."""
    assert find_indicators(text) == []


def test_indicators_are_distinct_and_limited():
    """A repeated indicator counts once, and there are never more than the limit."""
    assert len(find_indicators("http://evil.com/x " * 50)) == 2
    assert len(find_indicators(" ".join(f"http://h{n}.com/x" for n in range(2000)))) == INDICATOR_LIMIT


@pytest.mark.parametrize("piece", ["a.", "a-", "a@", "0:", "1.", "C:\\a\\", "http://", "\\\\aaa", "a@a."])
def test_hostile_text_takes_linear_time(piece):
    """A megabyte made to set a pattern back again and again ends (the test's time limit would tell)."""
    find_indicators(piece * (1_000_000 // len(piece)))
