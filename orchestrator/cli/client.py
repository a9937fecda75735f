"""The API as the command line uses it: like any client, with a key, over HTTP."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

import httpx

from orchestrator.cli import runtime
from orchestrator.cli.failure import Failure, Status
from orchestrator.settings import load

API = "/sampledb/v2"

#: How long an answer may take; the server streams uploads to disk and hashes them meanwhile.
_PATIENCE = httpx.Timeout(60.0, connect=5.0)
_PAGE = 1000


class Client:
    """Calls and their answers; every error is a :class:`Failure` of one line."""

    def __init__(self, url: str, key: str) -> None:
        self.url = url.rstrip("/")
        self._http = httpx.Client(
            base_url=self.url, headers={"Argus-API-Key": key}, timeout=_PATIENCE, trust_env=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def call(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        """The answer's envelope."""
        try:
            answer = self._http.request(method, path, **request)
        except httpx.HTTPError as error:
            raise _unreachable(self.url, error) from None
        if answer.status_code >= httpx.codes.BAD_REQUEST:
            raise _refusal(answer)
        try:
            envelope: dict[str, Any] = answer.json()
        except ValueError:
            raise Failure(f"{self.url} is not an Assay: its answer is not JSON", Status.unreachable) from None
        return envelope

    def get(self, path: str, **parameters: Any) -> Any:
        """One object."""
        return self.call("GET", f"{API}{path}", params=parameters)["data"]

    def every(self, path: str, **parameters: Any) -> Iterator[dict[str, Any]]:
        """The elements of a list, page by page."""
        offset = 0
        while True:
            page = self.call("GET", f"{API}{path}", params={**parameters, "limit": _PAGE, "offset": offset})
            yield from page["data"]
            offset += page["size"]
            if not page["size"] or offset >= page["count"]:
                return

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The envelope of a creation or a search."""
        return self.call("POST", f"{API}{path}", json=body)

    def delete(self, path: str) -> Any:
        return self.call("DELETE", f"{API}{path}")["data"]

    def upload(self, content: Iterator[bytes] | bytes) -> dict[str, Any]:
        """Upload a sample's bytes; its id, and a token for one submission."""
        answer = self.call(
            "POST", f"{API}/sample", content=content, headers={"Content-Type": "application/octet-stream"}
        )
        uploaded: dict[str, Any] = answer["data"]
        return uploaded

    def download(self, path: str, write: Callable[[bytes], object]) -> None:
        """Stream a download into ``write``."""
        try:
            with self._http.stream("GET", f"{API}{path}") as answer:
                if answer.status_code >= httpx.codes.BAD_REQUEST:
                    answer.read()
                    raise _refusal(answer)
                for chunk in answer.iter_bytes():
                    write(chunk)
        except httpx.HTTPError as error:
            raise _unreachable(self.url, error) from None

    def stream(
        self, path: str, parameters: Mapping[str, Any], headers: Mapping[str, str], patience: httpx.Timeout
    ) -> Iterator[dict[str, Any]]:
        """Server-sent events, until the server ends."""
        try:
            with self._http.stream(
                "GET", path, params=dict(parameters), headers=dict(headers), timeout=patience
            ) as answer:
                if answer.status_code >= httpx.codes.BAD_REQUEST:
                    answer.read()
                    raise _refusal(answer)
                yield from decoded(answer.iter_lines())
        except httpx.HTTPError as error:
            raise _unreachable(self.url, error) from None


def decoded(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    """The data of server-sent events (WHATWG HTML, section 9.2), each a JSON object."""
    data: list[str] = []
    for line in lines:
        if line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
        elif not line and data:
            yield json.loads("\n".join(data))
            data.clear()


def connect() -> Client:
    """A client for the service that the settings name, else for the one that runs on this machine."""
    url, key = os.environ.get("ASSAY_URL", ""), os.environ.get("ASSAY_API_KEY", "")
    if url and key:
        return Client(url, key)
    running = runtime.find(load().folder)
    if running is not None and url in {"", running.url}:
        return Client(running.url, key or running.key)
    if url:
        raise Failure("ASSAY_API_KEY is not set: ask whoever runs the service for a key", Status.denied)
    raise Failure(
        "no Assay runs here: start one with `assay up`, or set ASSAY_URL and ASSAY_API_KEY",
        Status.unreachable,
    )


def _unreachable(url: str, error: httpx.HTTPError) -> Failure:
    reason = str(error) or type(error).__name__
    return Failure(f"{url} does not answer ({reason}): is it up, and is ASSAY_URL right?", Status.unreachable)


_STATUS = {401: Status.denied, 403: Status.denied, 404: Status.missing, 503: Status.unreachable}
_NEXT = {
    401: "; check ASSAY_API_KEY",
    403: "; ask for a key with a higher role",
    503: "; try again in a moment",
}


def _refusal(answer: httpx.Response) -> Failure:
    """The server's own words, and what to do next."""
    try:
        messages = [_message(each) for each in answer.json()["messages"]]
    except (ValueError, KeyError, TypeError):
        messages = []
    said = "; ".join(messages) or f"the server answered {answer.status_code}"
    status = _STATUS.get(answer.status_code, Status.failed)
    return Failure(said + _NEXT.get(answer.status_code, ""), status)


def _message(message: Mapping[str, str]) -> str:
    field = message.get("field")
    return f"{field}: {message['message']}" if field else message["message"]
