"""Short-lived Kafka clients for commands and checks, with one clear error when no broker answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from headrace.errors import BrokerUnreachableError

log = structlog.get_logger(__name__)

CONNECT_TIMEOUT_S = 5.0
RETRY_MAX_S = 10.0


def _unreachable(bootstrap: str, error: BaseException) -> BrokerUnreachableError:
    return BrokerUnreachableError(
        f"no Kafka broker answers at {bootstrap}",
        why=str(error) or type(error).__name__,
        fix="headrace kafka up  starts a local one; HEADRACE_BOOTSTRAP=host:port names another",
    )


@asynccontextmanager
async def _started(client: Any, bootstrap: str, close: str) -> AsyncIterator[Any]:
    try:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await client.start()
        except (KafkaError, OSError, TimeoutError) as error:
            raise _unreachable(bootstrap, error) from error
        yield client
    finally:  # also when starting was cancelled
        await getattr(client, close)()


@asynccontextmanager
async def admin(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    """Yield a started admin client.

    Raises
    ------
    BrokerUnreachableError
        If no broker answers within `CONNECT_TIMEOUT_S`.

    """
    async with _started(AIOKafkaAdminClient(bootstrap_servers=bootstrap), bootstrap, "close") as client:
        yield client


@asynccontextmanager
async def producer(bootstrap: str, **options: Any) -> AsyncIterator[AIOKafkaProducer]:
    """Yield a started idempotent producer."""
    client = AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        acks="all",
        enable_idempotence=True,
        max_request_size=16 << 20,
        **options,
    )
    async with _started(client, bootstrap, "stop") as started:
        yield started


@asynccontextmanager
async def reader(bootstrap: str, **options: Any) -> AsyncIterator[AIOKafkaConsumer]:
    """Yield a started consumer without a group; assign it partitions. It reads what is committed."""
    client = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        enable_auto_commit=False,
        fetch_max_wait_ms=100,
        isolation_level="read_committed",
        **options,
    )
    async with _started(client, bootstrap, "stop") as started:
        await asyncio.sleep(0)  # aiokafka's stop right after its start raises CancelledError
        yield started


async def wait_for_broker(bootstrap: str) -> None:
    """Return once a broker answers; say so and try again, ever less often, until then."""
    delay_s = 0.5
    while True:
        try:
            async with admin(bootstrap) as client:
                await client.describe_cluster()
        except (BrokerUnreachableError, KafkaError) as error:
            log.warning(
                "broker_unreachable",
                bootstrap=bootstrap,
                retry_in_s=delay_s,
                error=str(error).split("\n")[0],
            )
            await asyncio.sleep(delay_s)
            delay_s = min(delay_s * 2, RETRY_MAX_S)
        else:
            return
