"""Indicators of compromise in text: found by linear-time patterns, checked, and defanged."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Callable, Iterator
from typing import Literal

from pydantic import BaseModel

from workers._text import Text, clean, clip

#: Indicators that a result may have at most.
INDICATOR_LIMIT = 500

Kind = Literal[
    "url", "domain", "ipv4", "ipv6", "email", "registry", "path", "unc", "cve", "bitcoin", "ethereum", "pdb"
]


class Indicator(BaseModel):
    """One indicator; ``value`` is defanged (``hxxp://``, ``[.]``, ``[@]``) so that no click follows it."""

    kind: Kind
    value: Text


def find_indicators(text: str, limit: int = INDICATOR_LIMIT) -> list[Indicator]:
    """Each distinct indicator in the text, by kind and then in the order of the text."""
    found = dict.fromkeys(_candidates(text))
    return clip((Indicator(kind=kind, value=defang(kind, value)) for kind, value in found), limit)


def defang(kind: Kind, value: str) -> str:
    """The value as people pass it on: readable, but no link any more."""
    if kind == "url" and "://" in value:
        scheme, _, rest = value.partition("://")
        host, slash, path = rest.partition("/")
        scheme = scheme.lower().replace("http", "hxxp").replace("ftp", "fxp")
        return f"{scheme}://{host.replace('.', '[.]')}{slash}{path}"
    if kind in {"domain", "ipv4"}:
        return value.replace(".", "[.]")
    if kind in {"email", "url"}:
        return value.replace("@", "[@]").replace(".", "[.]")
    return value


def _candidates(text: str) -> Iterator[tuple[Kind, str]]:
    for kind, pattern, check in _PATTERNS:
        for match in pattern.finditer(text):
            value = match[0].rstrip(".,;:!?)]}\\")
            if check(value):
                yield kind, clean(value)


def _is_url(value: str) -> bool:
    host = value.partition("://")[2].partition("/")[0]
    return bool(host) and host not in _NAMESPACES


def _is_domain(value: str) -> bool:
    labels = value.lower().split(".")
    plausible = all(0 < len(label) <= _LABEL_LIMIT and label[0] != "-" != label[-1] for label in labels)
    return plausible and labels[-1] in _TOP_LEVEL and len(labels[-2]) > 1 and value.lower() not in _NAMESPACES


def _is_email(value: str) -> bool:
    return _is_domain(value.rpartition("@")[2])


def _is_ipv4(value: str) -> bool:
    try:
        address = ipaddress.IPv4Address(value)
    except ValueError:
        return False
    version_number = value.endswith(".0.0") or value.startswith("0.")
    return not (version_number or address.is_multicast or address.is_reserved or address.is_loopback)


def _is_ipv6(value: str) -> bool:
    try:
        return ipaddress.IPv6Address(value).is_global and sum(map(bool, value.split(":"))) >= _IPV6_GROUPS
    except ValueError:
        return False


def _is_bitcoin(value: str) -> bool:
    """Whether a Base58Check checksum holds; Bech32 addresses are told by their prefix alone."""
    if value.startswith("bc1"):
        return True
    number = 0
    for char in value:
        number = number * 58 + _BASE58.index(char)
    raw = number.to_bytes(25, "big") if number < 1 << 200 else b""
    return hashlib.sha256(hashlib.sha256(raw[:-4]).digest()).digest()[:4] == raw[-4:]


def _always(_: str) -> bool:
    return True


_LABEL_LIMIT = 63  # RFC 1035
_IPV6_GROUPS = 3  # fewer are found in code more often than on networks
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

#: Hosts that name XML vocabularies: in millions of files, never contacted.
_NAMESPACES = frozenset(
    {
        "ns.adobe.com",
        "purl.org",
        "schemas.android.com",
        "schemas.microsoft.com",
        "schemas.openxmlformats.org",
        "schemas.xmlsoap.org",
        "sodipodi.sourceforge.net",
        "www.iec.ch",
        "www.inkscape.org",
        "www.w3.org",
    }
)

_GENERIC = """
    com net org info biz xyz top online site club shop store live icu vip work fun space website
    tech cloud onion bazar bit loan click link host press pro dev page digital life today world
    email mobi gov edu mil int
"""
_COUNTRIES = """
    ru cn su ua kz by tk ml ga cf gq ir kp kr jp tw hk in pk vn th id my sg ph au nz de fr nl be ch
    at it es pt uk ie se no dk fi lt lv ee cz sk hu ro bg gr tr br ar mx cl co ve pe za ng ke eg ma
    il sa ae eu us ca
"""

#: Top-level domains told apart from file extensions and member names; others count only within a URL.
_TOP_LEVEL = frozenset(f"{_GENERIC} {_COUNTRIES}".split())

_FILE = r"[^\s\"*<>?|:\\/\x00-\x1f]"

#: Kind, pattern, and what a match must pass besides. No pattern can take more than linear time.
_TABLE: tuple[tuple[Kind, str, Callable[[str], bool]], ...] = (
    ("url", r"(?i)\b(?:https?|ftps?|wss?|ldaps?|tcp)://[^\s\"'<>\\^`{|}\x00-\x1f\x7f]{3,2000}", _is_url),
    ("email", r"(?i)(?<![\w.+-])[\w.+-]{1,64}@[a-z0-9-]+(?:\.[a-z0-9-]+){1,8}(?![\w-])", _is_email),
    ("domain", r"(?i)(?<![\w.@-])[a-z0-9-]+(?:\.[a-z0-9-]+){1,8}(?![\w-])", _is_domain),
    ("ipv4", r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])", _is_ipv4),
    ("ipv6", r"(?i)(?<![\w:.])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?![\w:])", _is_ipv6),
    ("registry", r"\bHK(?:LM|CU|CR|U|EY_[A-Z_]{4,20})\\[^\s\"'<>|\x00-\x1f]{3,250}", _always),
    ("pdb", r"(?i)\b[A-Z]:\\[^\"*<>?|\x00-\x1f]{1,240}\.pdb\b", _always),
    ("path", rf"(?i)\b[A-Z]:\\(?:{_FILE}{{1,80}}\\){{0,12}}{_FILE}{{3,80}}", _always),
    ("unc", r"(?<![\w\\])\\\\[\w.-]{3,64}\\[^\s\"*<>?|:\x00-\x1f]{3,200}", _always),
    ("cve", r"(?i)\bCVE-\d{4}-\d{4,7}\b", _always),
    ("bitcoin", r"\b(?:bc1[02-9ac-hj-np-z]{25,60}|[13][1-9A-HJ-NP-Za-km-z]{25,34})\b", _is_bitcoin),
    ("ethereum", r"\b0x[0-9a-fA-F]{40}\b", _always),
)
_PATTERNS = tuple((kind, re.compile(pattern, re.ASCII), check) for kind, pattern, check in _TABLE)
