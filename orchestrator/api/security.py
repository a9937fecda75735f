"""Keys and roles: checked before anything of the request is read (contract section 1.5)."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from orchestrator.domain.caller import Caller
from orchestrator.domain.vocabulary import Role
from orchestrator.errors import Unauthenticated
from orchestrator.services import access
from orchestrator.services.guesses import Guesses
from orchestrator.store.unit_of_work import Begin

_ROLE = "__assay_role__"

#: For how long a key that was found good is taken for good, in seconds.
KEY_MEMORY = 2.0

F = TypeVar("F", bound=Callable[..., Any])


def needs(role: Role | None) -> Callable[[F], F]:
    """Mark an endpoint with the lowest role that may call it; None: any known key."""

    def mark(endpoint: F) -> F:
        setattr(endpoint, _ROLE, role)
        return endpoint

    return mark


class SecuredRoute(APIRoute):
    """A route that authenticates and authorises first: 401, then 403, only then 412 and 404.

    A route whose endpoint names no role does not come up.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        if not hasattr(endpoint, _ROLE):
            raise TypeError(f"{endpoint.__name__} ({path}) does not say which role it needs")
        self.role: Role | None = getattr(endpoint, _ROLE)
        super().__init__(path, endpoint, **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def secured(request: Request) -> Response:
            keys: Keys = request.app.state.keys
            key = key_of(request)
            caller = keys.remembered(key) or await run_in_threadpool(keys.look_up, key, address_of(request))
            assert caller is not None
            request.state.caller = caller
            if self.role is not None:
                caller.need(self.role)
            return await handle(request)

        return secured


def key_of(request: Request) -> str:
    """The key that the request shows: the ``Argus-API-Key`` header, or a bearer token."""
    key = request.headers.get("argus-api-key", "")
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if not key and scheme.lower() == "bearer":
        key = token
    return key.strip()


def address_of(request: Request) -> str:
    """The address that the request came from."""
    return request.client.host if request.client else ""


class Keys:
    """Looks keys up, and remembers good ones for a moment, so that a burst asks the store once."""

    def __init__(self, begin: Begin, guesses: Guesses, memory: float = KEY_MEMORY) -> None:
        self._begin = begin
        self._guesses = guesses
        self._memory = memory
        self._known: dict[str, tuple[float, Caller]] = {}

    def remembered(self, key: str) -> Caller | None:
        """The caller behind a key that was good a moment ago."""
        until, caller = self._known.get(access.digest_of(key), (0.0, None))
        return caller if time.monotonic() < until else None

    def look_up(self, key: str, address: str = "") -> Caller:
        """The caller behind the key; :class:`Unauthenticated` where there is none.

        :class:`TooMany` where wrong keys came from that address too often, unless this one was good before.
        """
        if not key:
            raise Unauthenticated("no API key: send it in the header Argus-API-Key")
        digest = access.digest_of(key)
        if digest not in self._known:
            self._guesses.check(address, key)
        try:
            with self._begin(write=False) as uow:
                caller = access.authenticate_digest(uow, digest)
        except Unauthenticated:
            self._known.pop(digest, None)
            self._guesses.wrong(address, key)
            raise
        if len(self._known) > 10_000:  # noqa: PLR2004 - bounded memory
            self._known.clear()
        self._known[digest] = time.monotonic() + self._memory, caller
        return caller


def _caller(request: Request) -> Caller:
    caller: Caller = request.state.caller
    return caller


#: The caller of a secured route.
CallerDep = Annotated[Caller, Depends(_caller)]
