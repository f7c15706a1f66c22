"""`headrace send`."""

from __future__ import annotations

import asyncio
import os
import stat
import time
from collections.abc import AsyncIterator, Callable
from typing import IO

import click
import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from agents.cli.common import bootstrap_option, load_settings, parsed, rate, stderr
from headrace.errors import HeadraceError
from streams import client, reading

_IN_FLIGHT = 2_000
_PACE_S = 0.02
_SHOW_INTERVAL_S = 0.1
_LINE_MAX_BYTES = 16 << 20


@click.command("send")
@click.argument("topic")
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--key", "key_field", metavar="FIELD", help="Field whose value becomes the record's key.")
@click.option(
    "--rate",
    "per_second",
    callback=parsed(rate),
    metavar="N/s",
    help="At most so many; default: all at once.",
)
@bootstrap_option
def command(
    topic: str,
    file: IO[bytes],
    key_field: str | None,
    per_second: float | None,
    bootstrap: str | None,
) -> None:
    """Publish the lines of FILE to TOPIC, one record each.

    They are sent as they are, but for empty ones. Without FILE, lines come from standard input and are
    published as they arrive.

    \b
    Example:
      echo '{"id":"x1","amount":930.5,"country":"DE"}' | headrace send payments - --key country
      headrace send payments events.jsonl --rate 500/s
    """
    address = load_settings(bootstrap).bootstrap or ""
    arriving = _arrives(file)
    columns = (TextColumn("sent"), BarColumn(), TextColumn("{task.completed:,}"), TimeElapsedColumn())
    with Progress(*columns, console=stderr, transient=True, disable=not stderr.is_terminal) as progress:
        task = progress.add_task("sent", total=None if arriving else _count(file))
        lines = _as_they_arrive(file) if arriving else _from_disk(file)
        sender = _Sender(topic, key_field, per_second, lambda n: progress.update(task, completed=n))
        n = asyncio.run(sender.run(address, lines))
    click.echo(f"sent {n:,} {'record' if n == 1 else 'records'} to {topic}")


class _Sender:
    """Sends lines and says of each whether Kafka has it."""

    def __init__(
        self, topic: str, key_field: str | None, per_second: float | None, show: Callable[[int], None]
    ) -> None:
        self._topic = topic
        self._key_field = key_field
        self._per_second = per_second
        self._show = show
        self._shown_at = 0.0
        self._waiting: list[tuple[int, asyncio.Future[object]]] = []

    async def run(self, address: str, lines: AsyncIterator[bytes]) -> int:
        n = 0
        async with client.producer(address, linger_ms=5) as producer:
            await reading.require(producer, self._topic)
            started = time.monotonic()
            async for line in lines:
                n += 1
                await self._send(producer, n, line.rstrip(b"\r\n"))
                await self._pace(n, time.monotonic() - started)
            await self._settle()
        return n

    async def _send(self, producer: AIOKafkaProducer, number: int, line: bytes) -> None:
        try:
            sent = await producer.send(self._topic, line, key=_key(line, self._key_field))
        except KafkaError as error:
            raise _refused(number, error) from error
        self._waiting.append((number, sent))
        if len(self._waiting) >= _IN_FLIGHT:
            await self._settle()

    async def _pace(self, n: int, elapsed_s: float) -> None:
        if elapsed_s - self._shown_at > _SHOW_INTERVAL_S:
            self._shown_at = elapsed_s
            self._show(n)
        if self._per_second is not None and (ahead_s := n / self._per_second - elapsed_s) > _PACE_S:
            await asyncio.sleep(ahead_s)

    async def _settle(self) -> None:
        """Wait until Kafka has everything sent so far."""
        await asyncio.gather(*(sent for _, sent in self._waiting), return_exceptions=True)
        for number, sent in self._waiting:
            if error := sent.exception():
                raise _refused(number, error) from error
        self._waiting.clear()


def _refused(number: int, error: BaseException) -> HeadraceError:
    return HeadraceError(
        f"record {number} was not accepted",
        why=f"{type(error).__name__}: {error}",
        fix="mend that line; those before it are sent",
    )


def _arrives(file: IO[bytes]) -> bool:
    """Return whether *file* is a pipe, a socket or a terminal: lines come when they come."""
    try:
        mode = os.fstat(file.fileno()).st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or file.isatty()


def _count(file: IO[bytes]) -> int | None:
    if not file.seekable():
        return None
    start = file.tell()
    n = sum(1 for line in file if line.strip())
    file.seek(start)
    return n


async def _from_disk(file: IO[bytes]) -> AsyncIterator[bytes]:
    for line in file:
        if line.strip():
            yield line


async def _as_they_arrive(file: IO[bytes]) -> AsyncIterator[bytes]:
    """Yield lines without blocking the loop: what came before has to go out meanwhile."""
    reader = asyncio.StreamReader(limit=_LINE_MAX_BYTES)
    copy = os.fdopen(os.dup(file.fileno()), "rb")
    pipe, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), copy
    )
    try:
        while line := await reader.readline():
            if line.strip():
                yield line
    finally:
        pipe.close()
        os.set_blocking(file.fileno(), True)  # a terminal is shared with the shell


def _key(line: bytes, field: str | None) -> bytes | None:
    """Return the key of a record; one that has no such field goes anywhere: a worker will judge it."""
    if field is None:
        return None
    try:
        value = orjson.loads(line)[field]
    except (ValueError, KeyError, TypeError):
        return None
    if isinstance(value, dict | list):
        raise HeadraceError(f"--key {field}: expected text or a number, got {type(value).__name__}")
    return str(value).encode()
