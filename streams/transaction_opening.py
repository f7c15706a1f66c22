"""How a transactional producer gets to work: tried again until it does, or until it is of no use."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    IncompatibleBrokerVersion,
    InvalidTransactionTimeout,
    KafkaError,
    TransactionalIdAuthorizationFailed,
)
from faust.types import TP

from headrace.errors import BrokerUnreachableError, HeadraceError
from streams.transactional_producer import TransactionalProducer

RETRY_S = 0.1
RETRY_MAX_S = 1.0

_REFUSED = (
    ClusterAuthorizationFailedError,
    IncompatibleBrokerVersion,
    InvalidTransactionTimeout,
    TransactionalIdAuthorizationFailed,
)


async def opened(
    make: Callable[[], TransactionalProducer], transactional_id: str, log: TP, within_s: float
) -> TransactionalProducer:
    """Return a producer that has started, and so has fenced every older one of its id.

    Parameters
    ----------
    make
        Makes a producer, for each try another one.
    log
        The log partition whose results go into its transactions.
    within_s
        How long it may take.

    Raises
    ------
    BrokerUnreachableError
        If it was not possible in time.
    HeadraceError
        If the brokers refuse.
    """
    failure: BaseException | None = None
    delay_s = RETRY_S
    try:
        async with asyncio.timeout(within_s):
            while True:
                producer = make()
                failure = await _try(producer, transactional_id)
                if failure is None:
                    return producer
                await asyncio.sleep(delay_s)
                delay_s = min(2 * delay_s, RETRY_MAX_S)
    except TimeoutError as error:
        raise BrokerUnreachableError(
            f"no transaction can be opened for partition {log.partition} of {log.topic}",
            why=f"not within {within_s:g} s: {text_of(failure or error)}",
            fix="look whether all brokers run, and whether __transaction_state has a leader",
        ) from failure


async def _try(producer: TransactionalProducer, transactional_id: str) -> BaseException | None:
    """Start *producer*; return what a later try may get over, ``None`` if it has started."""
    try:
        await producer.start()
    except BaseException as error:
        await producer.close()
        if isinstance(error, _REFUSED):
            raise HeadraceError(
                f"the brokers refuse transactions with the id {transactional_id}",
                why=text_of(error),
                fix="allow them to this worker, or set delivery = at_least_once",
            ) from error
        if isinstance(error, KafkaError | AssertionError | OSError):
            return error
        raise
    return None


def text_of(error: BaseException | None) -> str:
    """Return what *error* says, with its name once."""
    name, text = type(error).__name__, str(error)
    return text if text.startswith(name) else f"{name}: {text}".rstrip(": ")  # aiokafka's begin with the name
