"""Where a delivery may go: nowhere within the operator's own networks, unless the settings say so."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

#: Gives the addresses of a host.
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

_PORTS = {"http": 80, "https": 443}
#: IPv6 that stands for an IPv4 address (RFC 6052, RFC 3056, RFC 4380): a gateway may lead inside.
_TRANSLATED = tuple(map(ipaddress.ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")))


class Forbidden(Exception):
    """Nothing is sent there; the message says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL with the one address that its connection goes to."""

    scheme: str
    host: str
    port: int
    path: str
    address: str

    @property
    def url(self) -> str:
        """The URL by address, so that nobody resolves the name again."""
        address = f"[{self.address}]" if ":" in self.address else self.address
        return f"{self.scheme}://{address}:{self.port}{self.path}"

    @property
    def host_header(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def split(url: str) -> tuple[str, str, int, str]:
    """Scheme, host, port and path of a URL that may be told; :class:`Forbidden` for any other."""
    if not url.isascii() or any(each <= " " or each in "\\\x7f" for each in url):
        raise Forbidden("the URL must be plain ASCII without spaces")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise Forbidden(f"not a URL: {error}") from None
    if parts.scheme not in _PORTS:
        raise Forbidden("the URL must begin with http:// or https://")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise Forbidden("the URL must hold no user, password or fragment")
    if not parts.hostname or port == 0:
        raise Forbidden("the URL names no host")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return parts.scheme, parts.hostname, port or _PORTS[parts.scheme], path


def networks(setting: str) -> tuple[Network, ...]:
    """The networks that a setting names; :class:`ValueError` where one is none."""
    return tuple(ipaddress.ip_network(each.strip()) for each in setting.split(",") if each.strip())


def check(address: str, allowed: Sequence[Network]) -> None:
    """Raise :class:`Forbidden` unless the address is public, or in one of the networks."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    if any(found.version == each.version and found in each for each in allowed):
        return
    translated = any(found.version == each.version and found in each for each in _TRANSLATED)
    if translated or not found.is_global or found.is_multicast or found.is_reserved:
        raise Forbidden(f"{address} is not a public address")


async def lookup(host: str, port: int) -> list[str]:
    """The addresses of a host."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


async def target(url: str, allowed: Sequence[Network], resolve: Resolve = lookup) -> Target:
    """Resolve the URL's host, once; :class:`Forbidden` where any of its addresses may not be told."""
    scheme, host, port, path = split(url)
    try:
        found = await resolve(host, port)
    except OSError as error:
        raise Forbidden(f"{host} has no address: {error.strerror or error}") from None
    if not found:
        raise Forbidden(f"{host} has no address")
    for address in found:
        check(address, allowed)
    return Target(scheme, host, port, path, found[0])
