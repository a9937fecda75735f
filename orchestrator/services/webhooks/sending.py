"""One attempt to deliver: to the address that was checked, without redirects, within limits."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from uuid import UUID

import httpx

from orchestrator.services.webhooks.addresses import Forbidden, Network, Resolve, lookup, target
from orchestrator.services.webhooks.signing import HEADER, sign

#: Seconds for all of an attempt, from the name's lookup to the answer's end.
PATIENCE = 15.0
#: How much of an answer is read, in bytes; nobody needs it.
_ENOUGH = 16 * 1024
_SUCCESS = range(200, 300)


@dataclass(frozen=True, slots=True)
class Letter:
    """What is sent where."""

    id: UUID
    webhook_id: UUID
    url: str
    secret: str
    event: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of it: an HTTP status, or why there is none."""

    taken: bool
    status: int | None = None
    error: str | None = None
    seconds: float = 0.0


class Sender:
    """Sends letters over connections that are used once each."""

    def __init__(
        self, allowed: Sequence[Network], resolve: Resolve = lookup, tls: ssl.SSLContext | None = None
    ) -> None:
        self._allowed = allowed
        self._resolve = resolve
        self._tls = tls or ssl.create_default_context()

    async def send(self, letter: Letter) -> Attempt:
        """Try once; never raises."""
        began = time.monotonic()
        status = error = None
        try:
            async with asyncio.timeout(PATIENCE):
                status = await self._post(letter)
        except TimeoutError:
            error = f"no answer within {PATIENCE:.0f} s"
        except Forbidden as refusal:
            error = f"not sent: {refusal}"
        except (httpx.HTTPError, OSError, ValueError) as failure:
            error = f"{type(failure).__name__}: {failure}"[:500]
        if status is not None and status not in _SUCCESS:
            error = "redirects are not followed" if httpx.codes.is_redirect(status) else "not a 2xx"
        return Attempt(status in _SUCCESS, status, error, time.monotonic() - began)

    async def _post(self, letter: Letter) -> int:
        to = await target(letter.url, self._allowed, self._resolve)
        headers = {
            "Host": to.host_header,
            "Content-Type": "application/json",
            "User-Agent": f"Assay/{version('assay')}",
            "Assay-Event": letter.event,
            "Assay-Delivery": str(letter.id),
            HEADER: sign(letter.secret, int(time.time()), letter.body),
        }
        async with (
            httpx.AsyncClient(
                verify=self._tls, trust_env=False, follow_redirects=False, timeout=PATIENCE
            ) as client,
            client.stream(
                "POST",
                to.url,
                content=letter.body,
                headers=headers,
                # the certificate must be the name's, though the connection goes to the address
                extensions={"sni_hostname": to.host},
            ) as answer,
        ):
            seen = 0
            async for chunk in answer.aiter_raw():
                seen += len(chunk)
                if seen > _ENOUGH:
                    break
            return answer.status_code
