"""A line to the brokers on which one request, or the answer to it, is lost."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, Self

import aiokafka.client
import pytest


class Line:
    """TCP proxies in front of all brokers, for every aiokafka client made while it is open.

    Attributes
    ----------
    seen
        API key of each request that a client has sent, in order.
    failed
        Set when the request to fail has failed: for ``reply lost``, when the brokers have answered it.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen: list[int] = []
        self.failed = asyncio.Event()
        self._failing: tuple[int, str] | None = None
        self._servers: dict[tuple[str, int], asyncio.Server] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._connect = aiokafka.client.create_conn
        self._monkeypatch = monkeypatch

    async def __aenter__(self) -> Self:
        self._monkeypatch.setattr(aiokafka.client, "create_conn", self._create_conn)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._monkeypatch.setattr(aiokafka.client, "create_conn", self._connect)
        for server in self._servers.values():
            server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def fail(self, api_key: int, how: str) -> None:
        """Let the next request with *api_key* fail; its connection is of no use after that."""
        self._failing = (api_key, how)

    async def _create_conn(self, host: str, port: int, **options: Any) -> Any:
        if (host, port) not in self._servers:

            async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                await self._serve(host, port, reader, writer)

            self._servers[host, port] = await asyncio.start_server(serve, "127.0.0.1", 0)
        port_here = self._servers[host, port].sockets[0].getsockname()[1]
        return await self._connect("127.0.0.1", port_here, **options)

    async def _serve(
        self, host: str, port: int, client_in: asyncio.StreamReader, client_out: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        broker_in, broker_out = await asyncio.open_connection(host, port)
        try:
            while True:
                request = await frame(client_in)
                api_key = int.from_bytes(request[4:6], "big")
                self.seen.append(api_key)
                how = None
                if self._failing is not None and self._failing[0] == api_key:
                    how, self._failing = self._failing[1], None
                if how == "never arrives":
                    self.failed.set()
                    await asyncio.Event().wait()
                broker_out.write(request)
                reply = await frame(broker_in)
                if how is not None:
                    self.failed.set()
                if how == "reply lost":
                    await asyncio.Event().wait()
                if how is not None:
                    return
                client_out.write(reply)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            return
        finally:
            for writer in (client_out, broker_out):
                writer.close()
                with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                    await writer.wait_closed()


async def frame(reader: asyncio.StreamReader) -> bytes:
    """Return a request or reply with its length before it."""
    length = await reader.readexactly(4)
    return length + await reader.readexactly(int.from_bytes(length, "big"))
