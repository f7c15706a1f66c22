"""A worker's own web server: alive, ready, models, metrics. It is up before the worker joins its group."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import orjson
from aiohttp import web
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from agents.stands import Stand
from headrace.errors import HeadraceError
from headrace.metrics import registry

BEAT_INTERVAL_S = 0.5
STALLED_AFTER_S = 5.0


class Health:
    """What `/live`, `/ready` and `/models` answer.

    Parameters
    ----------
    status
        Gives the worker's state; ``ready`` in it decides `/ready`.
    models
        Gives how the models stand, partition by partition.
    stand
        Called before metrics are told: some are set only then.

    """

    def __init__(
        self,
        status: Callable[[], Mapping[str, Any]],
        models: Callable[[], Sequence[Stand]],
        stand: Callable[[], None],
    ) -> None:
        self._status = status
        self._models = models
        self._stand = stand
        self._beat_at = time.monotonic()

    async def beat(self) -> None:
        """Prove, for ever, that the event loop turns."""
        while True:
            self._beat_at = time.monotonic()
            await asyncio.sleep(BEAT_INTERVAL_S)

    async def live(self, _: web.Request) -> web.Response:
        """200 while the event loop turns."""
        stalled_s = time.monotonic() - self._beat_at
        return _json({"live": stalled_s < STALLED_AFTER_S}, ok=stalled_s < STALLED_AFTER_S)

    async def ready(self, _: web.Request) -> web.Response:
        """200 once partitions are held and their state stands at the frontier."""
        status = self._status()
        return _json(status, ok=bool(status["ready"]))

    async def models(self, _: web.Request) -> web.Response:
        """How the models of the partitions that it holds stand at this moment."""
        return _json({"partitions": msgspec.to_builtins(list(self._models()))}, ok=True)

    async def metrics(self, _: web.Request) -> web.Response:
        """Prometheus exposition."""
        self._stand()
        return web.Response(
            body=generate_latest(registry),
            headers={"Content-Type": CONTENT_TYPE_LATEST},
        )


def _json(content: Mapping[str, Any], *, ok: bool) -> web.Response:
    return web.Response(
        body=orjson.dumps(content),
        status=200 if ok else 503,
        content_type="application/json",
    )


@asynccontextmanager
async def serving(
    host: str,
    port: int,
    status: Callable[[], Mapping[str, Any]],
    models: Callable[[], Sequence[Stand]] = lambda: (),
    stand: Callable[[], None] = lambda: None,
) -> AsyncIterator[int]:
    """Serve on *host*:*port* (0: any free one) while the body runs; yield the port.

    Raises
    ------
    HeadraceError
        If the port is in use.

    """
    health = Health(status, models, stand)
    app = web.Application()
    app.router.add_get("/live", health.live)
    app.router.add_get("/ready", health.ready)
    app.router.add_get("/models", health.models)
    app.router.add_get("/metrics", health.metrics)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    beat = asyncio.create_task(health.beat())
    try:
        await _listen(runner, host, port)
        yield runner.addresses[0][1]
    finally:
        beat.cancel()
        await runner.cleanup()


async def _listen(runner: web.AppRunner, host: str, port: int) -> None:
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        raise HeadraceError(
            f"port {port} on {host} cannot be used",
            why=error.strerror or str(error),
            fix="--http-port 0 takes any free one; HEADRACE_HTTP_PORT sets it for good",
        ) from error
