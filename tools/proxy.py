"""TCP proxies that delay, cut and swallow what passes through them.

They run in a thread of their own; every method may be called from any thread and has taken effect when it
returns. Real networks lose packets and TCP sends them again: so nothing that was read is ever thrown away on
a connection that lives on, it only comes late.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Self, TypeVar

CHUNK_BYTES = 1 << 16
CALL_TIMEOUT_S = 10.0
_NO_LINGER = struct.pack("ii", 1, 0)

T = TypeVar("T")


class Proxy:
    """One listening port before one target; made by `Proxies.add`.

    Attributes
    ----------
    port
        Where it listens on 127.0.0.1.
    n_connections
        How many were accepted so far.
    """

    def __init__(self, target_port: int, call: Callable[[Coroutine[Any, Any, None]], None]) -> None:
        self.port = 0
        self.n_connections = 0
        self._target_port = target_port
        self._call = call
        self._delay_s = 0.0
        self._is_cut = False
        self._open = asyncio.Event()
        self._open.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._pumps: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    def delay(self, seconds: float) -> None:
        """Let everything come *seconds* later, in each direction."""

        async def begin() -> None:
            self._delay_s = seconds

        self._call(begin())

    def cut(self) -> None:
        """Reset all connections, and every new one, until `heal`."""

        async def begin() -> None:
            self._is_cut = True
            self._reset_all()

        self._call(begin())

    def blackhole(self) -> None:
        """Let nothing through, and say nothing, until `heal`."""

        async def begin() -> None:
            self._open.clear()

        self._call(begin())

    def heal(self) -> None:
        """Let all pass again, what was held back first."""

        async def end() -> None:
            self._delay_s, self._is_cut = 0.0, False
            self._open.set()

        self._call(end())

    async def start(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """End all connections."""
        if self._server is not None:
            self._server.close()
        self._reset_all()
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)

    def _reset_all(self) -> None:
        for writer in self._writers:
            _reset(writer)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.n_connections += 1
        self._keep(writer)
        if self._is_cut:
            _reset(writer)
            return
        await self._open.wait()
        try:
            target_reader, target_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:  # as if nobody listened
            _reset(writer)
            return
        self._keep(target_writer)
        for source, sink in ((reader, target_writer), (target_reader, writer)):
            pump = asyncio.create_task(self._pump(source, sink))
            self._pumps.add(pump)
            pump.add_done_callback(self._pumps.discard)

    def _keep(self, writer: asyncio.StreamWriter) -> None:
        self._writers = {one for one in self._writers if not one.transport.is_closing()} | {writer}

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(CHUNK_BYTES):
                if self._delay_s:
                    await asyncio.sleep(self._delay_s)
                await self._open.wait()
                sink.write(data)
                await sink.drain()
        except OSError:
            pass
        finally:
            _reset(sink) if source.exception() else sink.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close at once, with RST: else the other side sees an orderly end if nothing came before."""
    connection = writer.get_extra_info("socket")
    if connection.fileno() >= 0:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    writer.transport.abort()


class Proxies:
    """The proxies of a run, and the thread that they live in."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="proxies", daemon=True)
        self._proxies: list[Proxy] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for proxy in self._proxies:
            self._call(proxy.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def add(self, target_port: int) -> Proxy:
        """Listen on a free port for what goes to *target_port*."""
        proxy = Proxy(target_port, self._call)
        self._call(proxy.start())
        self._proxies.append(proxy)
        return proxy

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(CALL_TIMEOUT_S)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
