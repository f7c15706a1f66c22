"""Clients for short work say clearly that no broker answers, and leave nothing open."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from headrace.errors import BrokerUnreachableError
from streams import client

CLIENTS = [client.admin, client.producer, client.reader]
Open = Callable[[str], AbstractAsyncContextManager[Any]]


@pytest.fixture
def nobody() -> Iterator[str]:
    """Address of a port that no one listens on."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{holder.getsockname()[1]}"


@pytest.fixture
def mute() -> Iterator[str]:
    """Address of something that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize("opened", CLIENTS)
async def test_a_closed_port_is_told_at_once_with_what_to_do(opened: Open, nobody: str) -> None:
    with pytest.raises(BrokerUnreachableError) as caught:
        async with opened(nobody):
            pass
    assert nobody in caught.value.what
    assert caught.value.why
    assert "headrace kafka up" in caught.value.fix
    assert "HEADRACE_BOOTSTRAP" in caught.value.fix
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("opened", CLIENTS)
async def test_something_that_never_answers_is_given_up(
    opened: Open, mute: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "CONNECT_TIMEOUT_S", 0.1)
    with pytest.raises(BrokerUnreachableError):
        async with opened(mute):
            pass


@pytest.mark.parametrize("opened", CLIENTS)
async def test_a_start_that_is_interrupted_leaves_nothing_open(opened: Open, mute: str) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05), opened(mute):
            pass
    gc.collect()  # an open client would warn, and a warning fails the test


async def test_waiting_for_a_broker_goes_on_until_it_is_stopped(nobody: str) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await client.wait_for_broker(nobody)
