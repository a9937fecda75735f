"""Windows Script Encoder: the text of ``.vbe`` and ``.jse`` files, and of encoded parts of web pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

#: The length in Base64, the encoded text, a checksum in Base64, and the end.
_PART = re.compile(r"#@~\^[A-Za-z0-9+/]{6}==(.{0,4000000}?)(?:[A-Za-z0-9+/]{6}==)?\^#~@", re.DOTALL)
_PART_LIMIT = 20

#: What each character from the blank (20) to 7F stands for, under each of the three substitutions.
_TABLE = bytes.fromhex("""
    2E2D32 477530 7A5221 566029 42715B 6A5E38 2F4933 265C3D 496258 417D3A 342935 323665 5B2039 767C5C 727A56
    437F73 386B66 39634E 703345 452B6B 686862 715159 4F6678 09765E 62317D 44644A 23546D 754371 000000 7E3A60
    000000 5E7E53 000000 774542 4A2C27 612A48 5D7472 222775 4B3731 6F4437 4E794D 3B5952 4C2F22 506F54 67266A
    2A7247 7D6A64 74392D 547B20 2B3F7F 2D382E 2C774C 30675D 6E537E 6B476C 66346F 357879 255D74 213043 642326
    4D5A76 525B25 636C24 3F482B 7B5528 787023 296941 282E34 734C09 59212A 332444 7F4E3F 6D5077 55093B 535655
    7C7369 3A3561 5F6163 654B50 465867 583B51 315749 69224F 6C6D46 5A4D68 48257C 272836 5C4670 3D4A6E 24327A
    79412F 373D5F 605F4B 514F5A 20422C 366557
""")
_TAB = b"\x57\x6e\x7b"
_FIRST, _LAST = 0x20, 0x7F

#: Which of the three is used, by the character's place in the text, over and over.
_ORDER = bytes(map(int, "0120121221210212021200122102122100212120200120210212001220012021"))

#: Characters that must not stand in an encoded text, and what stands for them.
_ESCAPES = {"@&": "\n", "@#": "\r", "@*": ">", "@!": "<", "@$": "@"}
_ESCAPED = re.compile("@[&#*!$]")


def decoded_parts(text: str) -> Iterator[str]:
    """Each encoded part of the text, decoded."""
    for match in islice(_PART.finditer(text), _PART_LIMIT):
        yield _decode(match[1])


def without_parts(text: str) -> str:
    """The text between the encoded parts."""
    return _PART.sub("", text, count=_PART_LIMIT)


def _decode(encoded: str) -> str:
    made, place = [], 0
    for token in _tokens(encoded):
        code = ord(token[0])
        if len(token) > 1:
            made.append(_ESCAPES[token])
        else:
            made.append(_substitute(token, _ORDER[place % len(_ORDER)]))
        place += code <= _LAST  # others are not encoded, and not counted
    return "".join(made)


def _tokens(encoded: str) -> Iterator[str]:
    """Single characters, and the escapes of two."""
    place = 0
    for match in _ESCAPED.finditer(encoded):
        yield from encoded[place : match.start()]
        yield match[0]
        place = match.end()
    yield from encoded[place:]


def _substitute(char: str, which: int) -> str:
    code = ord(char)
    if char == "\t":
        return chr(_TAB[which])
    if not _FIRST <= code <= _LAST:
        return char
    meaning = _TABLE[(code - _FIRST) * 3 + which]
    return chr(meaning) if meaning else char
