"""The text that keyword search looks into, and the patterns it looks with (contract section 1.6)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

#: How much of a row's text can be searched, in bytes of UTF-8.
MAX_TEXT = 100_000

#: The character that makes a wildcard literal; PostgreSQL's own default.
ESCAPE = "\\"

#: What stands between two parts of a row's text, so that one of them can be looked into alone.
SECTION = "\x1f"

_LINE = "\n"
_NO_TEXT = str.maketrans(dict.fromkeys(("\x00", SECTION), ""))
_ESCAPES = str.maketrans({each: ESCAPE + each for each in (ESCAPE, "%", "_")})


def fold(text: str) -> str:
    """Text as it is compared: without case, NUL, the section mark, or what UTF-8 cannot hold.

    Case folding, unlike lower case, looks at no neighbours: a part of a text folds as the text does.
    """
    if text.isascii() and text.isprintable():
        return text.lower()
    return text.translate(_NO_TEXT).encode(errors="ignore").decode().casefold()


def text_of(*parts: object) -> str:
    """What keyword search may find: a section for each part, folded, at most ``MAX_TEXT`` bytes.

    Of mappings and sequences, however deep, the values count, one line each; None does not, nor does a
    key. The longest part belongs last: what is over the limit is cut off.
    """
    sections: list[str] = []
    size = 0
    for part in parts:
        section = _LINE.join(_words(part, MAX_TEXT - size))
        size += len(section) + 1
        sections.append(section)
    return SECTION.join(sections).encode()[:MAX_TEXT].decode(errors="ignore")


def _words(part: object, room: int) -> Iterator[str]:
    """The folded values in a part, until they fill the room."""
    if type(part) is str and room > 0:
        yield fold(part)
        return
    waiting = [iter((part,))]
    while waiting and room > 0:
        value = next(waiting[-1], waiting)
        if value is waiting:
            waiting.pop()
        elif isinstance(value, Mapping):
            waiting.append(iter(value.values()))
        elif isinstance(value, list | tuple | set | frozenset):
            waiting.append(iter(value))
        elif value is not None:
            word = fold(_spell(value))
            room -= len(word) + 1
            yield word


def _spell(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def escape(text: str) -> str:
    """Text in which LIKE takes ``%``, ``_`` and the escape character literally."""
    return text.translate(_ESCAPES)


def pattern(keyword: str) -> str:
    """The LIKE pattern of the folded texts that contain the keyword."""
    return f"%{escape(fold(keyword))}%"
