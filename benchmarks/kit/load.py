"""HTTP load on a server: ``wrk`` where it is installed, else a client of our own, which takes more CPU."""

from __future__ import annotations

import asyncio
import itertools
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.kit.figures import percentile

_SCRIPT = """
local number = 0
local requests = {}
for line in io.lines("REQUESTS") do requests[#requests + 1] = line end
request = function()
  local line = requests[number % #requests + 1]
  number = number + 1
  local path, body = line:match("^(%S+) ?(.*)$")
  return wrk.format("METHOD", path, HEADERS, body ~= "" and body or nil)
end
done = function(summary, latency)
  local e = summary.errors
  io.write(string.format("RESULT %d %d %d %d %d\\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), e.status + e.connect + e.read + e.write + e.timeout))
end
"""


@dataclass(frozen=True, slots=True)
class Requests:
    """What to send, again and again: paths in turn, each with its body, if any (one line of JSON)."""

    method: str
    paths: Sequence[str]
    bodies: Sequence[str] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    def lines(self) -> Iterator[str]:
        """``path body``, one for each request."""
        for path, body in zip(self.paths, self.bodies or [""] * len(self.paths), strict=True):
            yield f"{path} {body}".strip()


@dataclass(frozen=True, slots=True)
class Load:
    """Requests answered per second, and how long an answer took, in milliseconds."""

    rate: float
    p50: float
    p99: float
    requests: int


def run(url: str, requests: Requests, *, connections: int, seconds: float) -> Load:
    """Keep so many connections busy for so long; an answer that is no success ends the benchmark."""
    if shutil.which("wrk"):
        return _wrk(url, requests, connections, seconds)
    return asyncio.run(_own(url, requests, connections, seconds))


def _wrk(url: str, requests: Requests, connections: int, seconds: float) -> Load:
    with tempfile.TemporaryDirectory() as name:
        listed, script = Path(name) / "requests", Path(name) / "script.lua"
        listed.write_text("\n".join(requests.lines()))
        headers = ", ".join(
            f"[{json.dumps(key)}]={json.dumps(value)}" for key, value in requests.headers.items()
        )
        text = _SCRIPT.replace("REQUESTS", str(listed)).replace("METHOD", requests.method)
        script.write_text(text.replace("HEADERS", f"{{{headers}}}"))
        command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "30s"]
        done = subprocess.run(
            [*command, "-s", str(script), url],
            check=True,
            capture_output=True,
            text=True,
            timeout=seconds + 120,
        )
    result = next((line for line in done.stdout.splitlines() if line.startswith("RESULT ")), None)
    if result is None:
        raise SystemExit(f"wrk said: {done.stdout}{done.stderr}")
    count, duration, p50, p99, errors = (int(each) for each in result.split()[1:])
    if errors:
        raise SystemExit(f"{errors} of {count} requests failed: {requests.method} {requests.paths[0]}")
    return Load(count / duration * 1e6, p50 / 1000, p99 / 1000, count)


async def _own(url: str, requests: Requests, connections: int, seconds: float) -> Load:
    address = urlsplit(url)
    prepared = itertools.cycle([_raw(address.netloc, requests, line) for line in requests.lines()])
    taken: list[float] = []
    began = time.perf_counter()

    async def client() -> None:
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        while time.perf_counter() - began < seconds:
            sent = time.perf_counter()
            writer.write(next(prepared))
            await _answer(reader)
            taken.append(time.perf_counter() - sent)
        writer.close()

    await asyncio.gather(*(client() for _ in range(connections)))
    duration = time.perf_counter() - began
    p50, p99 = (percentile(taken, share) * 1000 for share in (0.5, 0.99))
    return Load(len(taken) / duration, p50, p99, len(taken))


def _raw(host: str, requests: Requests, line: str) -> bytes:
    path, _, body = line.partition(" ")
    headers = {"Host": host, **requests.headers, "Content-Length": str(len(body.encode()))}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{requests.method} {path} HTTP/1.1\r\n{head}\r\n{body}".encode()


async def _answer(reader: asyncio.StreamReader) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    status = int(head.split(None, 2)[1])
    length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
    body = await reader.readexactly(length)
    if not 200 <= status < 300:
        raise SystemExit(f"answered {status}: {body[:300]!r}")
