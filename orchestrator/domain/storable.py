"""JSON values as every store takes them: no NUL, no half surrogates, no huge integers, no NaN."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

#: What JSON numbers may be, so that every reader agrees on them.
_LARGEST = 2**63 - 1
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def storable(value: Any) -> Any:
    """The value with what databases refuse replaced."""
    if isinstance(value, str):
        return text(value)
    if isinstance(value, Mapping):
        return {text(str(key)): storable(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [storable(each) for each in value]
    return _scalar(value)


def text(value: str) -> str:
    """The text without NUL and half surrogates; U+FFFD stands in for them."""
    if value.isascii():
        return value.replace("\0", _REPLACEMENT)
    whole = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return whole.replace("\0", _REPLACEMENT)


def _scalar(value: Any) -> Any:
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return value if -_LARGEST <= value <= _LARGEST else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return text(str(value))
