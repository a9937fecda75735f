"""Text from hostile files made fit for a result: printable, bounded, storable as JSON anywhere."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice
from typing import Annotated, TypeVar

from pydantic import BeforeValidator

T = TypeVar("T")

#: Characters that a result's text may have at most.
TEXT_LIMIT = 2_000

# Controls (PostgreSQL refuses NUL in jsonb), lone surrogates, non-characters, and the marks that turn the
# direction of writing round, with which a file name can lie about its extension.
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufdd0-\ufdef\ufeff\ufffe\uffff]"
)


def clean(value: object, limit: int = TEXT_LIMIT) -> str:
    r"""The value as text with everything unprintable written out (``\x00``), cut at ``limit`` characters."""
    if isinstance(value, bytes | bytearray | memoryview):
        value = bytes(value[: limit * 4]).decode("utf-8", "backslashreplace")
    text = _UNPRINTABLE.sub(_escape, str(value)[: limit + 1])
    return text if len(text) <= limit else text[: limit - 1] + "…"


def clip(items: Iterable[T], limit: int) -> list[T]:
    """The first ``limit`` items."""
    return list(islice(items, limit))


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}"  # noqa: PLR2004 - one byte


#: A field of a result model whose content comes from the file.
Text = Annotated[str, BeforeValidator(clean)]
