"""`headrace send`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

import click
import orjson
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from agents.cli.common import bootstrap_option, load_settings, parsed, rate, stderr
from headrace.errors import HeadraceError
from streams import client, reading

_FLUSH_EVERY = 2_000
_PACE_S = 0.02


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
    """Publish the lines of FILE (default: standard input) to TOPIC, one record each, as they are.

    \b
    Example:
      echo '{"id":"x1","amount":930.5,"country":"DE"}' | headrace send payments - --key country
      headrace send payments events.jsonl --rate 500/s
    """
    address = load_settings(bootstrap).bootstrap or ""
    n_lines = _count_lines(file)
    columns = (
        TextColumn("sent"),
        BarColumn(),
        TextColumn("{task.completed:,}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=stderr, transient=True) as progress:
        task = progress.add_task("sent", total=n_lines)
        lines = progress.track(_lines(file), task_id=task)
        n = asyncio.run(_send(address, topic, lines, key_field, per_second))
    click.echo(f"sent {n:,} records to {topic}")


def _count_lines(file: IO[bytes]) -> int | None:
    path = Path(str(file.name))
    if not path.is_file():
        return None
    with path.open("rb") as whole:
        return sum(1 for line in whole if line.strip())


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    return (line.rstrip(b"\r\n") for line in file if line.strip())


async def _send(
    address: str,
    topic: str,
    lines: Iterable[bytes],
    key_field: str | None,
    per_second: float | None,
) -> int:
    n = 0
    started = time.monotonic()
    async with client.producer(address, linger_ms=5) as producer:
        await reading.require(producer, topic)
        for line in lines:
            last = await producer.send(topic, line, key=_key(line, key_field))
            n += 1
            if n % _FLUSH_EVERY == 0:
                await last
            if (
                per_second is not None
                and (ahead_s := n / per_second - (time.monotonic() - started)) > _PACE_S
            ):
                await asyncio.sleep(ahead_s)
        await producer.flush()
    return n


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
