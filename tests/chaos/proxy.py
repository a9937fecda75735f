"""A TCP proxy that stands for the network between Assay and a server: it can be slow, and it can be cut."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress

_CHUNK = 65536


class Proxy:
    """Forwards connections to a port of the loopback interface, in a thread of its own."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._open: set[asyncio.StreamWriter] = set()
        #: seconds that each piece of an answer waits
        self.delay = 0.0
        self._cut = False
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()
        server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._serve, "127.0.0.1", 0), self._loop
        ).result()
        self._server = server
        self.port: int = server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        """End every connection; new ones end at once."""
        self._cut = True
        self._loop.call_soon_threadsafe(self._end_all)

    def mend(self) -> None:
        """Forward again."""
        self._cut = False

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._server.close)
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _end_all(self) -> None:
        for writer in self._open:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._cut:
            writer.transport.abort()
            return
        try:
            back, forth = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        both = {writer, forth}
        self._open |= both
        try:
            await asyncio.gather(self._pump(reader, forth, slow=False), self._pump(back, writer, slow=True))
        finally:
            self._open -= both
            for each in both:
                each.transport.abort()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, slow: bool) -> None:
        with suppress(OSError):
            while piece := await source.read(_CHUNK):
                if slow and self.delay:
                    await asyncio.sleep(self.delay)
                sink.write(piece)
                await sink.drain()
        with suppress(OSError, RuntimeError):
            sink.transport.abort()
