"""The proxy: what it does to connections, on loopback, with a server that sends back what it gets."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tools.proxy import Proxies, Proxy

DELAY_S = 0.15
DEADLINE_S = 5.0
SHORTLY_S = 0.1


class Echo:
    """A server in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._serve(), self._loop).result(DEADLINE_S)
        self.port: int = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(DEADLINE_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _serve(self) -> asyncio.Server:
        return await asyncio.start_server(self._answer, "127.0.0.1", 0)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            writer.write(data)
        writer.close()

    async def _end(self) -> None:
        self._server.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
def echo() -> Iterator[Echo]:
    made = Echo()
    yield made
    made.stop()


@pytest.fixture
def proxy(echo: Echo) -> Iterator[Proxy]:
    with Proxies() as proxies:
        yield proxies.add(echo.port)


def connected(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=DEADLINE_S)


def answer(client: socket.socket, text: bytes) -> bytes:
    client.sendall(text)
    found = b""
    while len(found) < len(text):
        got = client.recv(1 << 16)
        if not got:
            raise ConnectionResetError
        found += got
    return found


def test_all_bytes_pass_in_order(proxy: Proxy) -> None:
    sent = b"".join(b"%d," % n for n in range(100_000))

    with connected(proxy) as client:
        assert answer(client, sent) == sent
    assert proxy.n_connections == 1


def test_what_is_delayed_takes_that_long_in_each_direction(proxy: Proxy) -> None:
    with connected(proxy) as client:
        answer(client, b"before")
        proxy.delay(DELAY_S)
        started = time.monotonic()

        assert answer(client, b"late") == b"late"
        assert time.monotonic() - started >= 2 * DELAY_S


def test_a_cut_resets_open_connections_and_new_ones_until_it_heals(proxy: Proxy) -> None:
    with connected(proxy) as client:
        answer(client, b"before")
        proxy.cut()
        with pytest.raises(ConnectionError):
            answer(client, b"lost")
    with pytest.raises(ConnectionError), connected(proxy) as client:
        answer(client, b"lost")

    proxy.heal()

    with connected(proxy) as client:
        assert answer(client, b"again") == b"again"


def test_a_black_hole_says_nothing_and_loses_nothing(proxy: Proxy) -> None:
    with connected(proxy) as old, connected(proxy) as new:
        answer(old, b"before")
        proxy.blackhole()
        for client in (old, new):
            client.sendall(b"held back")
            client.settimeout(SHORTLY_S)
            with pytest.raises(TimeoutError):
                client.recv(1)

        proxy.heal()

        for client in (old, new):
            client.settimeout(DEADLINE_S)
            assert answer(client, b"!").startswith(b"h")


def test_nobody_behind_it_is_as_nobody_there(echo: Echo) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        unused: int = probe.getsockname()[1]
    with Proxies() as proxies, pytest.raises(ConnectionError), connected(proxies.add(unused)) as client:
        answer(client, b"lost")
