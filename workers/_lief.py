"""Reading lief's objects, whatever bytes their names are made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import lief

from workers._text import clean

lief.logging.disable()


def text(item: Any, attribute: str) -> str:
    """The attribute as text. lief raises where a name is not UTF-8; the error holds the bytes."""
    try:
        value = getattr(item, attribute)
    except UnicodeDecodeError as error:
        value = error.object
    return clean(value)


def texts(items: Iterable[Any], attribute: str = "name") -> Iterator[str]:
    """That attribute of each item."""
    return (text(item, attribute) for item in items)


def label(member: Any) -> str:
    """An enumeration's member in lower case, or the number where lief knows no name for it."""
    return str(getattr(member, "name", member)).lower()
