"""The text that keyword search looks into, and the patterns it looks with (contract section 1.6)."""

from __future__ import annotations

from collections.abc import Mapping

#: How much of a row's text can be searched, in bytes of UTF-8.
MAX_TEXT = 100_000

#: The character that makes a wildcard literal; PostgreSQL's own default.
ESCAPE = "\\"

_SEPARATOR = "\n"
_ESCAPES = str.maketrans({each: ESCAPE + each for each in (ESCAPE, "%", "_")})


def fold(text: str) -> str:
    """Text as it is compared: without case, NUL, or what UTF-8 cannot hold.

    Case folding, unlike lower case, looks at no neighbours: a part of a text folds as the text does.
    """
    return text.replace("\x00", "").encode(errors="ignore").decode().casefold()


def text_of(*parts: object) -> str:
    """What keyword search may find of these values: one line each, folded, at most ``MAX_TEXT`` bytes.

    Of mappings and sequences, however deep, the values count; None does not, nor does a key.
    """
    words: list[str] = []
    size = 0
    waiting = [iter(parts)]
    while waiting and size <= MAX_TEXT:
        part = next(waiting[-1], waiting)
        if part is waiting:
            waiting.pop()
        elif isinstance(part, Mapping):
            waiting.append(iter(part.values()))
        elif isinstance(part, list | tuple | set | frozenset):
            waiting.append(iter(part))
        elif part is not None:
            word = fold(_spell(part))
            size += len(word) + 1
            words.append(word)
    return _SEPARATOR.join(words).encode()[:MAX_TEXT].decode(errors="ignore")


def _spell(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def escape(text: str) -> str:
    """Text in which LIKE takes ``%``, ``_`` and the escape character literally."""
    return text.translate(_ESCAPES)


def pattern(keyword: str) -> str:
    """The LIKE pattern of the folded texts that contain the keyword."""
    return f"%{escape(fold(keyword))}%"
